using Ddoq.Numerics;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Tests.Schedulers;

/// <summary>The sums a sampler is written out as, evaluated in double precision, against the sampler.</summary>
public class LinearScheduleTests
{
    private static readonly SchedulerKind[] s_kinds = Enum.GetValues<SchedulerKind>();

    [Test]
    [Pairwise]
    public void Sums_GiveWhatTheSamplerGives(
        [ValueSource(nameof(s_kinds))] SchedulerKind kind, [Values] PredictionType prediction, [Values(1, 2, 3, 7, 20)] int steps, [Values(0.0, 0.6)] double eta, [Values] bool quirk)
    {
        SchedulerConfiguration configuration = SchedulerConfiguration.StableDiffusion with { Prediction = prediction };
        var options = new SchedulerOptions { NumInferenceSteps = steps, Start = StartLevel.FromStrength(1), Eta = eta, PndmImageToImageQuirk = quirk };
        LinearSchedule schedule = LinearSchedule.TryTrace(NoiseScheduler.Create(kind, configuration, options))!;
        INoiseScheduler scheduler = NoiseScheduler.Create(kind, configuration, options);
        var random = new CounterRandom(8, (ulong)steps);
        const int Length = 5;
        float[] sample = Draw(), input = new float[Length];
        List<double[]> samples = [], predictions = [], noises = [];
        scheduler.Begin();
        Assert.That(schedule.Steps, Has.Count.EqualTo(scheduler.CallCount));
        for (int call = 0; call < scheduler.CallCount; call++)
        {
            float[] answer = Draw(), noise = Draw();
            samples.Add(Array.ConvertAll(sample, v => (double)v));
            predictions.Add(Array.ConvertAll(answer, v => (double)v));
            noises.Add(Array.ConvertAll(noise, v => (double)v));
            scheduler.ScaleModelInput(call, sample, input);
            scheduler.Step(call, answer, [], noise, sample);
            for (int i = 0; i < Length; i++)
            {
                Assert.That(input[i], Is.EqualTo(schedule.InputScales[call] * samples[call][i]).Within(1e-6 * (1 + Math.Abs(samples[call][i]))), $"input, call {call}");
                double expected = 0, magnitude = 1;
                foreach (LinearTerm term in schedule.Steps[call])
                {
                    double value = term.Coefficient * (term.Quantity switch
                    {
                        LinearQuantity.Sample => samples,
                        LinearQuantity.Prediction => predictions,
                        _ => noises,
                    })[term.Call][i];
                    expected += value;
                    magnitude += Math.Abs(value);
                }

                Assert.That(sample[i], Is.EqualTo(expected).Within(2e-6 * magnitude), $"call {call}");
            }
        }

        float[] Draw()
        {
            var values = new float[Length];
            random.FillGaussian(values);
            return values;
        }
    }

    // PNDM's four predictions reach back by four calls where they include the first: the second is not kept.
    [TestCase(SchedulerKind.Ddim, 0)]
    [TestCase(SchedulerKind.Euler, 0)]
    [TestCase(SchedulerKind.DpmSolverPlusPlus, 1)]
    [TestCase(SchedulerKind.Pndm, 4)]
    [TestCase(SchedulerKind.Ddpm, 0)]
    public void Reach_IsHowFarTheMethodLooksBack(SchedulerKind kind, int expected) =>
        Assert.That(LinearSchedule.TryTrace(NoiseScheduler.Create(kind, SchedulerConfiguration.StableDiffusion, new() { NumInferenceSteps = 20 }))!.Reach, Is.EqualTo(expected));

    [Test]
    public void WhatIsNotLinear_IsNotWrittenOut()
    {
        SchedulerConfiguration clipped = SchedulerConfiguration.DiT with { ClipSample = true };
        Assert.Multiple(() =>
        {
            Assert.That(LinearSchedule.TryTrace(NoiseScheduler.Create(SchedulerKind.Ddim, clipped, new())), Is.Null);
            Assert.That(LinearSchedule.TryTrace(NoiseScheduler.Create(SchedulerKind.Ddpm, clipped, new())), Is.Null);
            Assert.That(LinearSchedule.TryTrace(NoiseScheduler.Create(SchedulerKind.Ddpm, SchedulerConfiguration.DiT, new() { HasLearnedVariance = true })), Is.Null);
        });
    }
}
