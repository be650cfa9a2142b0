using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>The energy distance against its definition in fp64.</summary>
public class EnergyTermsTests
{
    [Test]
    public void Measure_IsTheDefinition([Values(1, 2, 97, 500)] int rows, [Values] bool weighted)
    {
        const int Dimension = 33, Points = 7;
        Half[] data = TestRows.Gaussian(rows, Dimension, seed: 1, offset: 5);
        float[] points = [.. TestRows.Gaussian(Points, Dimension, seed: 2, offset: 5).Select(value => (float)value)];
        float[]? weights = weighted ? WeightedRows.Spread(rows, 3) : null, pointWeights = weighted ? WeightedRows.Spread(Points, 4) : null;
        EnergyTerms terms = EnergyTerms.Measure(new ArrayLatentSource(Dimension, data) { Weights = weights is null ? null : [weights], InPlace = weighted }, 0, points, pointWeights);
        double[] exact = [.. data.Select(value => (double)value)], exactPoints = [.. points.Select(value => (double)value)];
        Assert.Multiple(() =>
        {
            Assert.That(terms.Between, Is.EqualTo(ReferenceSupport.MeanDistance(exact, weights, exactPoints, pointWeights, Dimension)).Within(1e-5));
            Assert.That(terms.Rows, Is.EqualTo(ReferenceSupport.MeanDistance(exact, weights, exact, weights, Dimension)).Within(1e-5));
            Assert.That(terms.Points, Is.EqualTo(ReferenceSupport.MeanDistance(exactPoints, pointWeights, exactPoints, pointWeights, Dimension)).Within(1e-5));
            Assert.That(terms.Distance, Is.EqualTo(ReferenceSupport.Energy(exact, exactPoints, Dimension, weights, pointWeights)).Within(4e-5));
        });
    }

    [Test]
    public void RowsAgainstThemselves_AreAtZero()
    {
        Half[] rows = TestRows.Gaussian(300, 40, seed: 5);
        Assert.That(EnergyTerms.Measure(new ArrayLatentSource(40, rows), 0, [.. rows.Select(value => (float)value)]).Distance, Is.EqualTo(0).Within(1e-5));
    }

    [Test]
    public void LargeClass_IsMeasuredByASampleOfItsPairs()
    {
        const int Rows = EnergyTerms.MostRows + 1000, Dimension = 3;
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed: 6);
        double[] exact = [.. rows.Select(value => (double)value)];
        EnergyTerms terms = EnergyTerms.Measure(new ArrayLatentSource(Dimension, rows), 0, [0, 0, 0]);
        Assert.Multiple(() =>
        {
            Assert.That(terms.Between, Is.EqualTo(ReferenceSupport.MeanDistance(exact, null, [0, 0, 0], null, Dimension)).Within(1e-5));
            Assert.That(terms.Rows, Is.EqualTo(ReferenceSupport.MeanDistance(exact, null, exact, null, Dimension)).Within(1).Percent);
        });
    }

    [Test]
    public void EveryAlgorithm_ReportsTheEnergyDistanceOfItsCentres([Values] QuantizationAlgorithm algorithm, [Values] bool weighted)
    {
        const int Rows = 150, Dimension = 20;
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed: 7);
        float[]? weights = weighted ? WeightedRows.Spread(Rows, 8) : null;
        var options = new QuantizerOptions { CentroidCount = 9, Algorithm = algorithm, Space = QuantizationSpace.Gram, Restarts = 3, BatchSize = 20 };
        ClassQuantization result = WeightedRows.Fit(rows, Dimension, weights, options);
        double expected = ReferenceSupport.Energy([.. rows.Select(value => (double)value)], [.. result.Centroids.Select(value => (double)value)], Dimension, weights);
        Assert.That(result.EnergyDistance, Is.EqualTo(expected).Within(1e-4));
        Assert.That(WeightedRows.Fit(rows, Dimension, weights, options with { Space = QuantizationSpace.Direct }).EnergyDistance, Is.Null);
    }

    [Test]
    public void WhatDoesNotFit_IsRefused()
    {
        var source = new ArrayLatentSource(3, TestRows.Gaussian(5, 3, 1), []);
        Assert.Multiple(() =>
        {
            Assert.That(() => EnergyTerms.Measure(source, 0, [1, 2]), Throws.TypeOf<UsageException>().With.Message.Contain("2 values"));
            Assert.That(() => EnergyTerms.Measure(source, 0, [1, 2, 3], [1, 1]), Throws.TypeOf<UsageException>().With.Message.Contain("2 weights for 1 points"));
            Assert.That(() => EnergyTerms.Measure(source, 0, [1, 2, float.NaN]), Throws.TypeOf<DdoqException>().With.Message.Contain("Point 0: value 2"));
            Assert.That(() => EnergyTerms.Measure(source, 0, [1, 2, 3], [0]), Throws.TypeOf<DdoqException>().With.Message.Contain("not all 0"));
            Assert.That(() => EnergyTerms.Measure(source, 1, [1, 2, 3]), Throws.TypeOf<UsageException>().With.Message.Contain("no rows"));
            Assert.That(() => EnergyTerms.Measure(source, 2, [1, 2, 3]), Throws.TypeOf<UsageException>().With.Message.Contain("classes 0 to 1"));
        });
    }
}
