using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Tests.Schedulers;

public class NoiseScheduleTests
{
    [TestCase(1, .99829603, 5e-9)]
    [TestCase(501, .27499907, 5e-9)]
    [TestCase(701, .08191671, 5e-9)]
    [TestCase(981, .0057755, 5e-8)]
    public void AlphaBars_StableDiffusion_AreTheGoldenOnes(int timestep, double expected, double tolerance) =>
        Assert.That(new NoiseSchedule(SchedulerConfiguration.StableDiffusion).AlphaBars[timestep], Is.EqualTo(expected).Within(tolerance));

    [TestCase(1, .99978009, 5e-9)]
    [TestCase(400, .1935720, 5e-8)]
    [TestCase(500, .0777967, 5e-8)]
    [TestCase(700, .0068683, 5e-8)]
    public void AlphaBars_DiT_AreTheGoldenOnes(int timestep, double expected, double tolerance) =>
        Assert.That(new NoiseSchedule(SchedulerConfiguration.DiT).AlphaBars[timestep], Is.EqualTo(expected).Within(tolerance));

    [Test]
    public void AlphaBars_OfEqualNoise_LieAtTheDocumentedTimesteps()
    {
        // DiT t = 495 has the alpha-bar of Stable Diffusion's t = 701.
        double wanted = new NoiseSchedule(SchedulerConfiguration.StableDiffusion).AlphaBars[701];
        double[] dit = new NoiseSchedule(SchedulerConfiguration.DiT).AlphaBars.ToArray();
        Assert.That(Array.IndexOf(dit, dit.MinBy(a => Math.Abs(a - wanted))), Is.EqualTo(495));
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(1000)]
    public void AlphaBars_OfTheSquaredCosine_FollowIt(int count)
    {
        ReadOnlySpan<double> alphaBars = new NoiseSchedule(new() { BetaSchedule = BetaSchedule.SquaredCosCapV2, TrainTimesteps = count }).AlphaBars;

        // Where the cap does not act, alpha-bar is cos^2((t / T + 0.008) / 1.008 pi / 2) over its value at 0.
        for (int t = 0; t < (count * 9 / 10); t++)
        {
            double expected = Math.Pow(Math.Cos((((t + 1.0) / count) + 0.008) / 1.008 * Math.PI / 2) / Math.Cos(0.008 / 1.008 * Math.PI / 2), 2);
            Assert.That(alphaBars[t], Is.EqualTo(expected).Within(1e-5 * expected + 1e-6), $"timestep {t}");
        }

        Assert.That(alphaBars[^1], Is.Positive);
    }

    [Test]
    public void AlphaBars_OfTrainedBetas_AreTheirProducts()
    {
        ReadOnlySpan<double> alphaBars = new NoiseSchedule(new() { TrainTimesteps = 3, TrainedBetas = [0.5, 0.25, 0.125] }).AlphaBars;
        Assert.That(alphaBars.ToArray(), Is.EqualTo(new[] { 0.5, 0.375, 0.328125 }));
    }

    [Test]
    public void AlphaBar_BetweenTimesteps_InterpolatesSigma()
    {
        var schedule = new NoiseSchedule(SchedulerConfiguration.StableDiffusion);
        double middle = NoiseSchedule.Sigma(schedule.AlphaBar(500.25));
        double below = NoiseSchedule.Sigma(schedule.AlphaBars[500]), above = NoiseSchedule.Sigma(schedule.AlphaBars[501]);
        Assert.That(middle, Is.EqualTo((0.75 * below) + (0.25 * above)).Within(1e-12));
    }
}
