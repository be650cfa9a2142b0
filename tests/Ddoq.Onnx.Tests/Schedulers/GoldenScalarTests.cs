using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Schedulers;

/// <summary>Scalars the reference implementation of each sampler gives for eps(x, t) = 0.5 x + 0.0005 t, data 0.8, noise -0.4.</summary>
public class GoldenScalarTests
{
    private const float Data = 0.8f, Noise = -0.4f;

    public static IEnumerable<TestCaseData> Cases()
    {
        SchedulerConfiguration sd = SchedulerConfiguration.StableDiffusion;
        StartLevel strength = StartLevel.FromStrength(0.7);
        yield return Case("Pndm_Quirk", SchedulerKind.Pndm, sd, 50, strength, true, -0.1542979, -0.5481795, 36, 701);
        yield return Case("Pndm_FromNoise", SchedulerKind.Pndm, sd, 50, StartLevel.PureNoise, false, 1, 1.1144721, 51, 981);
        yield return Case("Pndm_FromNoise_QuirkIsWithoutEffect", SchedulerKind.Pndm, sd, 50, StartLevel.PureNoise, true, 1, 1.1144721, 51, 981);
        yield return Case("Ddim", SchedulerKind.Ddim, sd, 50, strength, false, -0.1344975, -0.5359624, 35, 681);
        yield return Case("DpmSolver", SchedulerKind.DpmSolverPlusPlus, sd with { Spacing = TimestepSpacing.Linspace }, 20, strength, false, -0.1523578, -0.5742371, 14, 699);
        yield return Case("Euler", SchedulerKind.Euler, sd, 50, strength, false, -0.4372036, -0.5283443, 35, 681);
        yield return Case("Ddim_DiT_FromNoise", SchedulerKind.Ddim, SchedulerConfiguration.DiT, 50, StartLevel.PureNoise, false, 1, 2.1826263, 50, 980);
    }

    [TestCaseSource(nameof(Cases))]
    public void Run_WithLinearNoisePrediction_GivesTheGoldenScalar(
        SchedulerKind kind, SchedulerConfiguration configuration, SchedulerOptions options, double start, double result, int calls, double timestep)
    {
        INoiseScheduler scheduler = NoiseScheduler.Create(kind, configuration, options);
        float[] sample = Start(scheduler, options, 3), input = new float[3], prediction = new float[3];
        Assert.That(sample, Has.All.EqualTo(start).Within(1e-6));
        Assert.That(scheduler.CallCount, Is.EqualTo(calls));
        Assert.That(scheduler.Timestep(0), Is.EqualTo(timestep));
        for (int call = 0; call < calls; call++)
        {
            scheduler.ScaleModelInput(call, sample, input);
            for (int i = 0; i < input.Length; i++)
                prediction[i] = (0.5f * input[i]) + (0.0005f * (float)scheduler.Timestep(call));
            scheduler.Step(call, prediction, [], [], sample);
        }

        Assert.That(sample, Has.All.EqualTo(result).Within(Tolerance(options)));
    }

    [TestCaseSource(nameof(Cases))]
    public void Run_ThroughOnnxRuntime_GivesTheGoldenScalar(
        SchedulerKind kind, SchedulerConfiguration configuration, SchedulerOptions options, double start, double result, int calls, double timestep)
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using IBackboneBatch batch = backbone.CreateBatch(2, guided: false);
        INoiseScheduler scheduler = NoiseScheduler.Create(kind, configuration, options);
        float[] sample = Start(scheduler, options, 2 * TinyModel.Latent);
        Assert.That(sample, Has.All.EqualTo(start).Within(1e-6));
        for (int call = 0; call < calls; call++)
        {
            scheduler.ScaleModelInput(call, sample, batch.Latents);
            batch.Predict(scheduler.Timestep(call));
            scheduler.Step(call, batch.Conditional, [], [], sample);
        }

        Assert.That(sample, Has.All.EqualTo(result).Within(Tolerance(options)));
        Assert.That(scheduler.Timestep(0), Is.EqualTo(timestep));
    }

    // From pure noise the rounding of the first samples is magnified by 1 / sqrt(alpha-bar), 13 and 130 here.
    private static double Tolerance(SchedulerOptions options) => options.Start.IsPureNoise ? 1e-5 : 1e-6;

    private static float[] Start(INoiseScheduler scheduler, SchedulerOptions options, int length)
    {
        float[] data = new float[length], noise = new float[length], sample = new float[length];
        scheduler.Begin();
        Array.Fill(data, Data);
        if (options.Start.IsPureNoise)
        {
            Array.Fill(noise, 1f);
            scheduler.StartFromNoise(noise, sample);
        }
        else
        {
            Array.Fill(noise, Noise);
            scheduler.AddNoise(data, noise, sample);
        }

        return sample;
    }

    private static TestCaseData Case(string name, SchedulerKind kind, SchedulerConfiguration configuration, int steps, StartLevel level, bool quirk, double start, double result, int calls, double timestep) =>
        new TestCaseData(kind, configuration, new SchedulerOptions { NumInferenceSteps = steps, Start = level, PndmImageToImageQuirk = quirk }, start, result, calls, timestep)
            .SetArgDisplayNames(name);
}
