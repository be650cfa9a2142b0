using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Evaluation.Transport;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Results;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Training.Protocols;

namespace Ddoq.Bench.Sweep;

/// <summary>The stages of a sweep in one folder; every one resumes.</summary>
internal sealed class SweepRun(PipelineConfiguration configuration, IReadOnlyDictionary<string, string> models, string folder, StageContext context)
{
    private readonly EncodeOptions _encode = EncodeOptions.From(configuration);
    private readonly int _perClass = configuration.Get(QuantizeSettings.Ipc);

    private string Latents => Path.Combine(folder, "latents");

    private string CentreFile => Path.Combine(folder, "centres", PrototypeSet.FileName);

    private string RowFile => Path.Combine(folder, "rows", PrototypeSet.FileName);

    /// <summary>Latents of the images to distil, centres, and the random real images with their latents.</summary>
    public void Prepare()
    {
        EncodeStage.Run(_encode, Latents, context);
        QuantizeStage.Run(QuantizeOptions.From(configuration), Latents, Path.GetDirectoryName(CentreFile)!, context);
        string real = SetOf(new SweepPoint(string.Empty, SweepPoint.Real, null));
        RandomImagesStage.Run(_encode, _perClass, throughAutoencoder: false, real, context);
        if (!File.Exists(RowFile))
            WriteRows(real);
    }

    /// <summary>Makes the images of a point.</summary>
    public void Synthesize(SweepPoint point)
    {
        if (point.Source == SweepPoint.Real)
            return;
        SynthesizeOptions options = SynthesizeOptions.From(configuration);
        options = options with
        {
            Model = point.Model.Length > 0 ? models[point.Model] : _encode.Model,
            Sampling = options.Sampling with { Start = point.AlphaBar is > 0 and { } level ? StartLevel.FromAlphaBar(level) : StartLevel.PureNoise },
            Weights = RuleOf(point),
        };
        SynthesizeStage.Run(options, point.Source == SweepPoint.Rows ? RowFile : CentreFile, SetOf(point), context);
    }

    /// <summary>Mean over the classes of the exact W2 between the set's images, encoded again and weighted by cluster shares, and the class's latents.</summary>
    public double Distance(SweepPoint point)
    {
        (float[] latents, DistilledSet set) = Encode(SetOf(point));
        using LatentStore store = LatentStore.Open(Latents);
        int length = store.Shape.Length;
        double sum = 0;
        for (int c = 0; c < store.ClassNames.Count; c++)
        {
            int[] members = [.. Enumerable.Range(0, set.Images.Count).Where(i => set.Images[i].Label == c)];
            float[] rows = new float[store.RowCount(c) * length], images = [.. members.SelectMany(i => latents.AsSpan(i * length, length).ToArray())];
            store.ReadRows(c, 0, rows.AsSpan());
            bool weighted = point.Source == SweepPoint.Centres;
            double[] weights = [.. members.Select(i => weighted ? (double)set.Images[i].ClusterSize : 1)];
            sum += Wasserstein.SquaredDistance(rows, [], images, weights, length).Distance;
        }

        return sum / store.ClassNames.Count;
    }

    /// <summary>Trains the students that are missing and gives all of them.</summary>
    /// <param name="points">Points of the sweep.</param>
    /// <param name="repeats">Students per point.</param>
    public IReadOnlyList<StudentResult> Train(IReadOnlyList<SweepPoint> points, int repeats) => TrainStage.Run(
        TrainOptions.From(configuration) with { Repeats = repeats, Weights = null },
        [.. points.Select(point => new StudentSet(
            new Arm(point.Name, SetRecipe.Ddoq, null, point.Name),
            _ => SetOf(point),
            repeat => StudentOf(point, repeat)))],
        context);

    /// <summary>Accuracy of the trained students on decoded held-out images, by point and seed.</summary>
    public IReadOnlyDictionary<string, double[]> DecodedAccuracies(IReadOnlyList<SweepPoint> points, int repeats)
    {
        ModelFolder model = ModelFolder.Open(_encode.Model!);
        TrainOptions options = TrainOptions.From(configuration);
        ProtocolRecipe recipe = options.RecipeFor(_perClass, model.ImageSize, model.ClassCount);
        using var test = new DecodedTest(_encode.Images.Location, model, recipe, options.Student.Seed, context.Workers);
        return points.ToDictionary(point => point.Name, point => Enumerable.Range(0, repeats).Select(repeat => test.Accuracy(StudentOf(point, repeat))).ToArray());
    }

    private string StudentOf(SweepPoint point, int repeat) =>
        Path.Combine(folder, "students", point.Name, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}"));

    private string SetOf(SweepPoint point) => Path.Combine(folder, "sets", point.Name);

    private WeightRule RuleOf(SweepPoint point) => point.Source == SweepPoint.Centres
        ? configuration.Get(SynthesizeSettings.Weights)
        : WeightRule.None;

    private (float[] Latents, DistilledSet Set) Encode(string set)
    {
        DistilledSet distilled = DistilledSet.Load(set);
        using IImageDataset files = ImageDatasets.Open(set, DatasetSplit.Train, new ImageDatasetOptions { ClassNames = distilled.ClassNames });
        ModelFolder model = ModelFolder.Open(_encode.Model!);
        var fit = new ImageFit(model.ImageSize, model.ImageSize, FitMode.Pad);
        int pixels = 3 * model.ImageSize * model.ImageSize, count = distilled.Images.Count;
        var index = Enumerable.Range(0, files.Count).ToDictionary(files.NameOf);
        float[] images = new float[count * pixels], latents = new float[count * model.LatentShape.Length];
        var bytes = new byte[pixels];
        for (int i = 0; i < count; i++)
        {
            files.ReadRgb(index[$"{DistilledSet.TrainFolder}/{distilled.Images[i].FileName}"], fit, bytes);
            PlanarPixels.ToSigned(bytes, images.AsSpan(i * pixels, pixels));
        }

        using VaeEncoder encoder = VaeEncoder.Open(model, context.Networks with { Provider = _encode.Provider, Threads = context.Workers, BatchSize = _encode.BatchSize });
        encoder.EncodeMean(images, count, latents);
        return (latents, distilled);
    }

    private void WriteRows(string real)
    {
        (float[] latents, DistilledSet set) = Encode(real);
        using LatentStore store = LatentStore.Open(Latents);
        int length = store.Shape.Length;
        Directory.CreateDirectory(Path.GetDirectoryName(RowFile)!);
        using var writer = PrototypeWriter.Create(RowFile, new PrototypeInfo { Latents = store.Info, CentersPerClass = _perClass, Algorithm = "random rows" });
        for (int c = 0; c < store.ClassNames.Count; c++)
        {
            int[] members = [.. Enumerable.Range(0, set.Images.Count).Where(i => set.Images[i].Label == c)];
            float[] rows = [.. members.SelectMany(i => latents.AsSpan(i * length, length).ToArray())];
            writer.Append(ClassPrototypes.Create(length, rows, [.. members.Select(_ => 1L)], 0));
        }

        writer.Complete();
    }
}
