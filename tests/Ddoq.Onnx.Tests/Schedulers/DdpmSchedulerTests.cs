using Ddoq.Numerics;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Tests.Schedulers;

/// <summary>Ancestral steps, and DDIM's fresh noise, against the posterior of the Gaussian chain.</summary>
public class DdpmSchedulerTests
{
    private static readonly SchedulerConfiguration s_configuration = SchedulerConfiguration.DiT with { Spacing = TimestepSpacing.Linspace };

    [Test]
    public void Timesteps_OfTheRespacedChain_RoundHalfToEven([Values(2, 3, 7, 50, 250, 1000)] int steps)
    {
        INoiseScheduler scheduler = NoiseScheduler.Create(SchedulerKind.Ddpm, s_configuration, new() { NumInferenceSteps = steps });
        for (int i = 0; i < steps; i++)
            Assert.That(scheduler.Timestep(steps - 1 - i), Is.EqualTo((double)Math.Round((decimal)i * 999 / (steps - 1), MidpointRounding.ToEven)));
    }

    // The bounds of the learned variance are the two fixed ones.
    [TestCase(null, -1f, true)]
    [TestCase(null, 1f, false)]
    [TestCase(PosteriorVariance.FixedSmall, null, true)]
    [TestCase(PosteriorVariance.FixedLarge, null, false)]
    public void Step_FollowsThePosterior(PosteriorVariance? fixedVariance, float? learned, bool small)
    {
        var options = new SchedulerOptions { NumInferenceSteps = 10, HasLearnedVariance = learned is not null };
        INoiseScheduler scheduler = NoiseScheduler.Create(SchedulerKind.Ddpm, s_configuration with { Variance = fixedVariance }, options);
        TimestepGrid grid = TimestepGrid.Create(SchedulerKind.Ddpm, s_configuration, 10);
        Assert.That(scheduler.UsesLearnedVariance, Is.EqualTo(learned is not null));
        const float X = 0.9f, Data = -0.4f, Noise = 1.3f;
        for (int call = 0; call < 10; call++)
        {
            double a = grid.AlphaBars[call], next = grid.AlphaBarAfter(call), transition = a / next;

            // x' given data is N(sqrt(a') data, 1 - a'), x given x' is N(sqrt(a / a') x', 1 - a / a'): their product.
            double precision = (transition / (1 - transition)) + (next < 1 ? 1 / (1 - next) : double.PositiveInfinity);
            double mean = next < 1 ? ((Math.Sqrt(transition) * X / (1 - transition)) + (Math.Sqrt(next) * Data / (1 - next))) / precision : Data;
            double variance = small ? 1 / precision : 1 - transition;

            float[] sample = [X, X];
            float prediction = (float)((X - (Math.Sqrt(a) * Data)) / Math.Sqrt(1 - a)), v = learned ?? 0;
            scheduler.Step(call, [prediction, prediction], learned is null ? [] : [v, v], [Noise, -Noise], sample);
            double spread = call == 9 ? 0 : Math.Sqrt(variance) * Noise;
            Assert.That(sample[0], Is.EqualTo(mean + spread).Within(2e-4), $"call {call}");
            Assert.That(sample[1], Is.EqualTo(mean - spread).Within(2e-4), $"call {call}");
            Assert.That(scheduler.DrawsNoise(call), Is.EqualTo(call < 9));
        }
    }

    [Test]
    public void Step_WithLearnedVariance_InterpolatesTheLogarithm()
    {
        float Spread(float v)
        {
            INoiseScheduler scheduler = NoiseScheduler.Create(SchedulerKind.Ddpm, s_configuration, new() { NumInferenceSteps = 10, HasLearnedVariance = true });
            float[] sample = [0, 0];
            scheduler.Step(3, [0, 0], [v, v], [1, -1], sample);
            return (sample[0] - sample[1]) / 2;
        }

        Assert.That(Spread(0), Is.EqualTo(Math.Sqrt(Spread(-1) * Spread(1))).Within(1e-6));
        Assert.That(Spread(-1), Is.LessThan(Spread(1)));
    }

    [Test]
    public void Ddim_AtEtaOne_StepsLikeTheSmallVarianceChain()
    {
        SchedulerConfiguration configuration = s_configuration with { SetAlphaToOne = true };
        INoiseScheduler ddim = NoiseScheduler.Create(SchedulerKind.Ddim, configuration, new() { NumInferenceSteps = 12, Eta = 1 });
        INoiseScheduler ddpm = NoiseScheduler.Create(SchedulerKind.Ddpm, configuration, new() { NumInferenceSteps = 12 });
        float[] a = [0.3f], b = [0.3f], noise = new float[1];
        var random = new CounterRandom(1, 2);
        for (int call = 0; call < 12; call++)
        {
            random.FillGaussian(noise);
            Assert.That(ddim.DrawsNoise(call), Is.EqualTo(ddpm.DrawsNoise(call)));
            ddim.Step(call, [0.2f], [], noise, a);
            ddpm.Step(call, [0.2f], [], noise, b);
            Assert.That(a[0], Is.EqualTo(b[0]).Within(1e-4 * Math.Max(1, Math.Abs(b[0]))), $"call {call}");
        }
    }

    [TestCase(SchedulerKind.Ddim)]
    [TestCase(SchedulerKind.Ddpm)]
    public void Step_WithClipping_BoundsTheData(SchedulerKind kind)
    {
        INoiseScheduler scheduler = NoiseScheduler.Create(kind, s_configuration with { ClipSample = true, ClipSampleRange = 0.5 }, new() { NumInferenceSteps = 5 });
        float[] sample = [3f, -3f, 0.1f];

        // At the last step the result is the predicted data.
        scheduler.Step(4, [0, 0, 0], [], [], sample);
        Assert.That(sample, Is.EqualTo(new[] { 0.5f, -0.5f, 0.1f }).Within(1e-4));
    }

    [Test]
    public void Create_WithLearnedVarianceButNoneGiven_IsRefused() =>
        Assert.That(
            () => NoiseScheduler.Create(SchedulerKind.Ddpm, s_configuration with { Variance = PosteriorVariance.LearnedRange }, new()),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("learned variance"));

    [TestCase(-0.1)]
    [TestCase(1.1)]
    [TestCase(double.NaN)]
    public void Ddim_WithEtaOutOfRange_IsRefused(double eta) =>
        Assert.That(() => NoiseScheduler.Create(SchedulerKind.Ddim, s_configuration, new() { Eta = eta }), Throws.InstanceOf<UsageException>());
}
