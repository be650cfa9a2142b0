using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Backbones;

public class DiTBackboneTests
{
    [Test]
    public void Predict_GuidedBatch_PutsClassesFirstAndTheNullClassSecond()
    {
        using var model = new TinyModel(labelWeight: 0.25f);
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using IBackboneBatch batch = backbone.CreateBatch(3, guided: true);
        batch.SetClasses([2, 0, 1]);
        batch.Latents.Fill(0.5f);
        batch.Predict(400);
        for (int row = 0; row < 3; row++)
        {
            Assert.That(batch.Conditional[row * 16], Is.EqualTo(0.25f + 0.2f + (0.25f * new[] { 2, 0, 1 }[row])).Within(1e-6));
            Assert.That(batch.Unconditional[row * 16], Is.EqualTo(0.25f + 0.2f + (0.25f * 3)).Within(1e-6), "null class 3");
        }
    }

    [Test]
    public void Predict_WithoutGuidance_HasNoUnconditionalRows()
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using IBackboneBatch batch = backbone.CreateBatch(2, guided: false);
        batch.SetClasses([0, 1]);
        batch.Latents.Clear();
        batch.Predict(1000);
        Assert.That(batch.Conditional.Length, Is.EqualTo(32));
        Assert.That(batch.Conditional.ToArray(), Has.All.EqualTo(0.5f).Within(1e-6));
        Assert.That(batch.Unconditional.Length, Is.Zero);
    }

    [Test]
    public void Predict_AdaptsToTheExportersTypes(
        [Values(OnnxType.F32, OnnxType.F16)] OnnxType type,
        [Values(OnnxType.I64, OnnxType.I32, OnnxType.F32, OnnxType.F16)] OnnxType timestep,
        [Values(OnnxType.I64, OnnxType.I32)] OnnxType label)
    {
        using var model = new TinyModel();
        model.WriteBackbone(labelWeight: 0.5f, type: type, timestepType: timestep, labelType: label);
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using IBackboneBatch batch = backbone.CreateBatch(1, guided: true);
        batch.SetClasses([1]);
        batch.Latents.Fill(1);
        batch.Predict(500.4);
        Assert.That(batch.Conditional[0], Is.EqualTo(0.5 + 0.25 + 0.5).Within(2e-3));
        Assert.That(batch.Unconditional[15], Is.EqualTo(0.5 + 0.25 + 1.5).Within(2e-3));
    }

    [Test]
    public void PredictsVariance_FollowsTheOutput([Values] bool learned)
    {
        using var model = new TinyModel(learnedVariance: learned);
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using IBackboneBatch batch = backbone.CreateBatch(2, guided: true);
        Assert.That(backbone.PredictsVariance, Is.EqualTo(learned));
        Assert.That(batch.Conditional.Length, Is.EqualTo(learned ? 64 : 32));
    }

    [Test]
    public void FitBatchSize_KeepsToAFixedBatch()
    {
        using var model = new TinyModel();
        model.WriteBackbone(batch: 6);
        using DiTBackbone even = DiTBackbone.Open(ModelFolder.Open(model.Path));
        Assert.That((even.FitBatchSize(64, guided: false), even.FitBatchSize(64, guided: true)), Is.EqualTo((6, 3)));
        model.WriteBackbone(batch: 1);
        using DiTBackbone one = DiTBackbone.Open(ModelFolder.Open(model.Path));
        Assert.That(one.FitBatchSize(0, guided: false), Is.EqualTo(1));
        Assert.That(() => one.FitBatchSize(0, guided: true), Throws.InstanceOf<DdoqException>().With.Message.Contains("fixed batch of 1"));
    }
}
