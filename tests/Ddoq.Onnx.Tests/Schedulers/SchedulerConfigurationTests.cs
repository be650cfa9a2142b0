using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Schedulers;

public class SchedulerConfigurationTests
{
    [Test]
    public void Load_OfStableDiffusionsFile_GivesItsSchedule()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("scheduler_config.json", """
            {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear",
             "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
             "steps_offset": 1, "trained_betas": null, "clip_sample": false, "timestep_spacing": "leading"}
            """);
        Assert.That(SchedulerConfiguration.Load(path), Is.EqualTo(SchedulerConfiguration.StableDiffusion));
    }

    [Test]
    public void Load_OfAnEmptyFile_TakesTheFormatsDefaults()
    {
        using var folder = new TemporaryFolder();
        Assert.That(SchedulerConfiguration.Load(folder.Write("s.json", "{}")), Is.EqualTo(new SchedulerConfiguration()));
    }

    [TestCase("""{"beta_schedule": "sigmoid"}""", "beta_schedule", "squaredcos_cap_v2")]
    [TestCase("""{"prediction_type": "flow"}""", "prediction_type", "v_prediction")]
    [TestCase("""{"timestep_spacing": 3}""", "timestep_spacing", "string")]
    [TestCase("""{"_class_name": "HeunDiscreteScheduler"}""", "_class_name", "DDIMScheduler")]
    [TestCase("""{"thresholding": true}""", "thresholding", "false")]
    [TestCase("""{"use_karras_sigmas": true}""", "use_karras_sigmas", "false")]
    [TestCase("""{"algorithm_type": "sde-dpmsolver++"}""", "algorithm_type", "dpmsolver++")]
    [TestCase("""{"solver_type": "heun"}""", "solver_type", "midpoint")]
    [TestCase("""{"num_train_timesteps": 10.5}""", "num_train_timesteps", "whole number")]
    [TestCase("""{"beta_start": 0.5, "beta_end": 0.1}""", "beta_start", "0.1")]
    [TestCase("""{"steps_offset": 1000}""", "steps_offset", "1000")]
    [TestCase("""{"trained_betas": [0.1, 0.2]}""", "trained_betas", "1000")]
    [TestCase("""[1]""", "s.json", "object")]
    [TestCase("""{"beta_start": """, "s.json", "JSON")]
    public void Load_OfWhatIsNotSupported_NamesFileKeyAndChoices(string json, string key, string allowed)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("s.json", json);
        Assert.That(() => SchedulerConfiguration.Load(path), Throws.InstanceOf<DdoqException>().With.Message.Contains(path).And.Message.Contains(key).And.Message.Contains(allowed));
    }

    [Test]
    public void Load_OfAMissingFile_SaysSo() =>
        Assert.That(() => SchedulerConfiguration.Load("/nowhere/s.json"), Throws.InstanceOf<DdoqException>().With.Message.Contains("missing"));
}
