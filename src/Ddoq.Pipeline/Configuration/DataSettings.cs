using Ddoq.Imaging;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Images and models, and how images become latents.</summary>
public static class DataSettings
{
    /// <summary>Folder of the source images.</summary>
    public static readonly Setting<string> DataDir = new Setting<string>(
        "data.dir",
        "--data-dir",
        "Images: an ImageFolder (train/<class>/...), ImageNet (train/<class>.tar, flat val/ with labels, Kaggle's tree), WebDataset or Parquet shards, or the four IDX files.",
        SettingValues.Location)
    { Stages = PipelineStages.Encode | PipelineStages.Train | PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "the embedded sample" }
        .In(Images, o => o.Folder, (o, v) => o with { Folder = v });

    /// <summary>Folder of the test images.</summary>
    public static readonly Setting<string> TestDir = new Setting<string>(
        "data.test_dir",
        "--test-dir",
        "Test images that lie elsewhere: a folder whose class folders or archives they are, or any dataset with a test part.",
        SettingValues.Text)
    { Stages = PipelineStages.Train, IsOutsideIdentity = true, DecidedBy = "the test part of --data-dir" }
        .In(Images, o => o.TestFolder, (o, v) => o with { TestFolder = v });

    /// <summary>Subset of the classes.</summary>
    public static readonly Setting<string> Classes = new Setting<string>(
        "data.classes", "--classes", "Classes to take: imagenette, imagewoof, imagenet-100, or a file with one class name a line.", SettingValues.Location)
    { Stages = PipelineStages.Encode | PipelineStages.Train | PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "all" }
        .In(Images, _ => null, (o, v) => o with { Classes = ClassSubset.Load(v) });

    /// <summary>How images are brought to the model's size.</summary>
    public static readonly Setting<FitMode> Fit = new Setting<FitMode>(
        "data.fit",
        "--fit",
        "How images are brought to the model's size.",
        SettingValues.Choice(("pad", FitMode.Pad), ("resize", FitMode.Resize), ("crop", FitMode.CropCentre)))
    { Stages = PipelineStages.Encode | PipelineStages.Train | PipelineStages.Select, DecidedBy = "auto, the model's", UnsetWord = "auto" }
        .In(Images, o => o.Fit, (o, v) => o with { Fit = v });

    /// <summary>Damaged images tolerated.</summary>
    public static readonly Setting<int> MaxDamaged = new Setting<int>(
        "data.max_damaged", "--max-damaged", "Damaged images that are skipped and listed before the run stops.", SettingValues.WholeNumber(0))
    { Stages = PipelineStages.Encode | PipelineStages.Train | PipelineStages.Select, IsOutsideIdentity = true }
        .In(Images, o => o.MaxDamaged, (o, v) => o with { MaxDamaged = v });

    /// <summary>Model folder.</summary>
    public static readonly Setting<string> Model = new Setting<string>(
        "model.dir", "--model", "Diffusion model folder (ONNX, Hugging Face layout).", SettingValues.Location)
    {
        Stages = PipelineStages.Encode | PipelineStages.Synthesize | PipelineStages.Label | PipelineStages.Train | PipelineStages.Doctor | PipelineStages.Select,
        IsOutsideIdentity = true,
        DecidedBy = "the shipped Fashion-MNIST model",
    }
        .In(Encode, o => o.Model, (o, v) => o with { Model = v })
        .In(Synthesize, o => o.Model, (o, v) => o with { Model = v })
        .In(Label, o => o.Model, (o, v) => o with { Model = v })
        .In(Train, o => o.Model, (o, v) => o with { Model = v })
        .In(Select, o => o.Model, (o, v) => o with { Model = v });

    /// <summary>Teacher folder.</summary>
    public static readonly Setting<string> Teacher = new Setting<string>(
        "model.teacher", "--teacher", "Teacher folder (ONNX classifier).", SettingValues.Location)
    { Stages = PipelineStages.Label | PipelineStages.Train | PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "the folder 'teacher' of the model" }
        .In(Label, o => o.Teacher, (o, v) => o with { Teacher = v })
        .In(Train, o => o.Teacher, (o, v) => o with { Teacher = v })
        .In(Select, o => o.Teacher, (o, v) => o with { Teacher = v });

    /// <summary>What the class-order check does.</summary>
    public static readonly Setting<bool> ClassCheck = new Setting<bool>(
        "model.class_check",
        "--class-check",
        "What follows when the teacher does not recognise the classes of the images, or sees two as each other.",
        SettingValues.Choice(("stop", true), ("warn", false)))
    { Stages = PipelineStages.Label | PipelineStages.Train, IsOutsideIdentity = true }
        .In(Label, o => o.StopsAtClassCheck, (o, v) => o with { StopsAtClassCheck = v })
        .In(Train, o => o.StopsAtClassCheck, (o, v) => o with { StopsAtClassCheck = v });

    /// <summary>The run's seed.</summary>
    public static readonly Setting<long> Seed = new Setting<long>(
        "seed", "--seed", "The one seed of the run.", SettingValues.LargeNumber(0))
    { Stages = PipelineStages.Encode | PipelineStages.Quantize | PipelineStages.Synthesize | PipelineStages.Train | PipelineStages.Select }
        .In(Encode, o => (long)o.Seed, (o, v) => o with { Seed = (ulong)v })
        .In(Quantizer, o => (long)o.Seed, (o, v) => o with { Seed = (ulong)v })
        .In(Sampling, o => (long)o.Seed, (o, v) => o with { Seed = (ulong)v })
        .In(Student, o => (long)o.Seed, (o, v) => o with { Seed = (ulong)v });

    /// <summary>Posterior mean or sample.</summary>
    public static readonly Setting<bool> Latent = new Setting<bool>(
        "encode.latent",
        "--latent",
        "Latent of an image: the posterior's mean, or a seeded sample of it (as D4M does).",
        SettingValues.Choice(("mean", false), ("sample", true)))
    { Stages = PipelineStages.Encode }
        .In(Encode, o => o.SamplePosterior, (o, v) => o with { SamplePosterior = v });

    /// <summary>Images encoded at a time.</summary>
    public static readonly Setting<int> EncodeBatchSize = new Setting<int>(
        "encode.batch_size", "--encode-batch-size", "Images in one encoder call.", SettingValues.WholeNumber(1, 65_536))
    { Stages = PipelineStages.Encode }
        .In(Encode, o => o.BatchSize, (o, v) => o with { BatchSize = v });

    /// <summary>Rows per latent shard.</summary>
    public static readonly Setting<int> RowsPerShard = new Setting<int>(
        "encode.rows_per_shard", "--rows-per-shard", "Rows in one latent shard.", SettingValues.WholeNumber(1))
    { Stages = PipelineStages.Encode }
        .In(Encode, o => o.RowsPerShard, (o, v) => o with { RowsPerShard = v });
}
