using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Bench.Synthesis;

/// <summary>The whole stage: loading, noise, reverse process, decoding, PNG files, metadata.</summary>
internal sealed class StageRun : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ddoq-bench-").FullName;
    private readonly ModelFolder _model;
    private int _runs;

    public StageRun(ModelFolder model) => _model = model;

    /// <summary>Makes images in a fresh folder.</summary>
    public void Run(int images, int batchSize, int workers)
    {
        string prototypes = Path.Combine(_folder, $"prototypes-{images}.safetensors");
        if (!File.Exists(prototypes))
            WritePrototypes(prototypes, images);
        SynthesizeStage.Run(Options(batchSize), prototypes, Path.Combine(_folder, $"set-{_runs++}"), Context(workers));
    }

    /// <summary>Network calls per batch and what runs them.</summary>
    public SynthesisEstimate Estimate(int images, int batchSize, int workers) =>
        SynthesisEstimate.Measure(Options(batchSize), _model.ClassNames, images, Context(workers));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static StageContext Context(int workers) => new(NullProgress.Instance, workers, false, default);

    private SynthesizeOptions Options(int batchSize) => new()
    {
        Model = _model.Path,
        Sampling = new SynthesisOptions { Scheduler = SchedulerKind.DpmSolverPlusPlus, BatchSize = batchSize, Seed = 1 },
        Provider = ExecutionProvider.Cpu,
    };

    private void WritePrototypes(string path, int images)
    {
        int classes = _model.ClassNames.Count, perClass = (images + classes - 1) / classes;
        var random = new CounterRandom(1, 1);
        using var writer = PrototypeWriter.Create(path, new PrototypeInfo
        {
            Latents = new LatentStoreInfo { Shape = _model.LatentShape, ClassNames = _model.ClassNames, Extra = new Dictionary<string, string> { [EncodeStage.SourceChannelsKey] = "1" } },
            CentersPerClass = perClass,
        });
        for (int c = 0; c < classes; c++)
        {
            // As even as the number allows.
            int centres = (images / classes) + (c < images % classes ? 1 : 0);
            var centroids = new float[centres * _model.LatentShape.Length];
            random.FillGaussian(centroids);
            writer.Append(centres == 0 ? ClassPrototypes.Empty : ClassPrototypes.Create(_model.LatentShape.Length, centroids, [.. Enumerable.Repeat(1L, centres)], 1));
        }

        writer.Complete();
    }
}
