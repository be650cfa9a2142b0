using System.Text.Json.Nodes;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline.Stages;
using Ddoq.Training;
using Ddoq.Training.Protocols;
using Ddoq.Training.Runtime;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What students will cost, from updates and test images of as many as are trained side by side.</summary>
public sealed record TrainEstimate : StageEstimate
{
    // Test images that are decoded, labelled and classified for the estimate.
    private const int TestSample = 512;
    private const double MeasuredSeconds = 4;

    // A checkpoint holds weights and two moments, and the next one is written beside it.
    private const long StateCopies = 6;

    /// <summary>Updates of one student.</summary>
    public required int Updates { get; init; }

    /// <summary>One update, while the other students are trained too.</summary>
    public required double SecondsPerUpdate { get; init; }

    /// <summary>One examination on all test images, while the other students are at work too.</summary>
    public required double SecondsPerExamination { get; init; }

    /// <summary>Students that are trained side by side.</summary>
    public required int Lanes { get; init; }

    /// <summary>The protocol, and what is changed of it.</summary>
    public required string Protocol { get; init; }

    /// <summary>What the students of one set will cost.</summary>
    /// <param name="options">Protocol, seeds, test images.</param>
    /// <param name="set">Folder of the distilled set.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">Test images, the set, its soft labels or the teacher are not usable.</exception>
    public static TrainEstimate Measure(TrainOptions options, string set, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Cost began = Cost.Now();
        OpenedSet images = OpenedSet.Load(set, context);
        ProtocolRecipe recipe = options.RecipeFor(images.ImagesPerClass, images.Side, images.ClassNames.Count);
        float[]? softLabels = recipe.NeedsStoredLabels ? images.ReadSoftLabels() : null;
        ModelFolder? model = options.FindModel([new StudentSet(Arm.OfOneSet(set, options.Weights), _ => set, _ => set)]);
        return Measure(options, images.ToTraining(images.Weights(options.Weights), softLabels), images.ClassNames, model, options.Repeats, Cost.Now() - began, context);
    }

    /// <summary>Measures on any training images.</summary>
    /// <param name="options">Protocol, test images.</param>
    /// <param name="train">The images, or as many that stand for them.</param>
    /// <param name="classNames">Class names of the data.</param>
    /// <param name="model">The model that may have the teacher; null for none.</param>
    /// <param name="students">Students to train.</param>
    /// <param name="start">What has been spent already.</param>
    /// <param name="context">Workers, cancellation.</param>
    internal static TrainEstimate Measure(
        TrainOptions options, TrainingImages train, IReadOnlyList<string> classNames, ModelFolder? model, int students, Cost start, StageContext context)
    {
        int classes = classNames.Count, perClass = (train.Count + classes - 1) / classes;
        ProtocolRecipe recipe = options.RecipeFor(perClass, train.Height, classes);
        string? teacherFolder = recipe.NeedsTeacher ? options.RequireTeacher(model) : null;
        using IImageDataset data = options.Images.OpenTest(classNames, context.Cancellation);
        ImageFit fit = options.Images.FitFor(train.Height);
        TrainingImages test = Sample(data, fit, options.Images.MaxDamaged, context, out Cost perImage);
        StageContext quiet = context with { Progress = NullProgress.Instance };
        using AlignedTeacher? teacher = teacherFolder is null ? null : AlignedTeacher.Open(teacherFolder, options.Provider, classNames, train.Height, quiet with { Workers = 1 });
        long calls = 0;
        if (teacher is not null)
        {
            var logits = new float[test.Count * classes];
            StageEstimate labels = LabelEstimate.Measure(teacherFolder!, new LabelOptions { Provider = options.Provider }, classNames, test.Pixels, test.Count, data.Count, default, quiet);
            perImage += new Cost(labels.SecondsPerUnit, labels.ProcessorSecondsPerUnit);
            start += new Cost(labels.StartSeconds, labels.ProcessorStartSeconds);
            calls = labels.NetworkCalls;
            test = test with { SoftLabels = logits };
        }

        start += Cost.Of(() => TorchRuntime.EnsureLoaded()) + (data.Count * perImage);
        int lanes = Math.Min(context.Workers, students), updates = recipe.TotalUpdates(train.Count);
        var side = quiet with { Workers = lanes };
        StudentRun[] runs = Run(options.Student, train, test, classes, teacher, side);
        Cost perUpdate = Mean(runs.Select(run => run.PerUpdate));
        StudentRun[] examined = Run(options.Student with { Epochs = null, Updates = 1, EvaluationInterval = 0 }, train, test, classes, teacher, side);
        Cost examination = (double)data.Count / test.Count * Mean(examined.Select(run => run.Examination));
        int examinations = Examinations(options.Student, recipe, train.Count, updates);
        Cost perStudent = (updates * perUpdate) + (examinations * examination);
        return new TrainEstimate
        {
            Stage = TrainStage.Name,
            Units = students,
            Unit = "students",
            MeasuredUnits = 0,
            SecondsPerUnit = Math.Ceiling((double)students / lanes) * perStudent.Seconds / students,
            // The process's time while all lanes were at work is that of as many students.
            ProcessorSecondsPerUnit = perStudent.Processor / lanes,
            StartSeconds = start.Seconds,
            ProcessorStartSeconds = start.Processor,
            NetworkCalls = teacher is null ? 0 : calls + ((long)students * updates),
            DiskBytes = students * StateCopies * sizeof(float) * examined.Max(run => run.ParameterCount),
            MemoryBytes = PeakMemory() + ((long)(data.Count - test.Count) * test.ImageLength),
            Updates = updates,
            SecondsPerUpdate = perUpdate.Seconds,
            SecondsPerExamination = examination.Seconds,
            Lanes = lanes,
            Protocol = recipe.Describe(perClass, train.Height, classes),
        };
    }

    /// <inheritdoc/>
    protected override JsonObject Details() => new()
    {
        ["protocol"] = Protocol,
        ["updates"] = Updates,
        ["seconds_per_update"] = Math.Round(SecondsPerUpdate, 4),
        ["seconds_per_examination"] = Math.Round(SecondsPerExamination, 2),
        ["side_by_side"] = Lanes,
    };

    private static Cost Mean(IEnumerable<Cost> costs)
    {
        Cost[] all = [.. costs];
        return 1.0 / all.Length * all.Aggregate((a, b) => a + b);
    }

    private static int Examinations(StudentOptions options, ProtocolRecipe recipe, int images, int updates)
    {
        int steps = (images + Math.Min(recipe.BatchSize, images) - 1) / Math.Min(recipe.BatchSize, images);
        return options.EvaluationInterval == 0 ? 1 : 1 + ((updates - 1) / (steps * options.EvaluationInterval));
    }

    // Evenly spread over the data, so that all classes and sizes of files are met.
    private static TrainingImages Sample(IImageDataset data, ImageFit fit, int maxDamaged, StageContext context, out Cost perImage)
    {
        int count = Math.Min(TestSample, data.Count), pixels = 3 * fit.Height * fit.Width, kept = 0;
        var bytes = new byte[count * pixels];
        var labels = new int[count];
        var reader = new ImageBatchReader(data, fit, new ImageBatchOptions { Workers = context.Workers, Damage = DamagePolicy.Skip(maxDamaged) });
        int[] indices = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * data.Count / count))];
        using IEnumerator<ImageBatch> batches = reader.Read(indices, context.Cancellation).GetEnumerator();
        UnitCost cost = UnitCost.Measure(() =>
        {
            if (!batches.MoveNext())
                return 0;
            ImageBatch batch = batches.Current;
            batch.Bytes.Span.CopyTo(bytes.AsSpan(kept * pixels));
            batch.Labels.CopyTo(labels.AsSpan(kept));
            kept += batch.Count;
            return batch.Count;
        });
        perImage = cost.PerUnit;
        return kept > 0
            ? new TrainingImages(bytes[..(kept * pixels)], labels[..kept], null, null, kept, fit.Height, fit.Width)
            : throw new DdoqException($"all of {count} test images of {data.Location} are damaged", "Fetch the data again.");
    }

    /// <summary>Trains a student in each lane until some seconds are over or it is done.</summary>
    private static StudentRun[] Run(StudentOptions options, TrainingImages train, TrainingImages test, int classes, AlignedTeacher? teacher, StageContext lanes)
    {
        var runs = new StudentRun[lanes.Workers];
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(lanes.Cancellation);
        lanes.ForEach(runs.Length, () => new MemoryStream(), (lane, _) =>
        {
            var sink = new StudentClock(enough);
            StudentOptions student = options with { Seed = options.Seed + (ulong)lane, Threads = 1 };
            try
            {
                TrainingResult result = StudentTrainer.Train(train, test, classes, student, teacher is null ? null : teacher.Logits, null, sink, enough.Token);
                runs[lane] = sink.Result(result.ParameterCount);
            }
            catch (OperationCanceledException) when (!lanes.Cancellation.IsCancellationRequested)
            {
                runs[lane] = sink.Result(0);
            }
        });
        return runs;
    }

    private readonly record struct StudentRun(Cost PerUpdate, Cost Examination, long ParameterCount);

    /// <summary>Notes when updates end; the first is left out, it allocates.</summary>
    private sealed class StudentClock(CancellationTokenSource enough) : IProgressSink
    {
        private Cost _begun, _first, _last, _end;
        private long _updates;

        public StudentRun Result(long parameterCount) => new(
            _updates > 1 ? 1.0 / (_updates - 1) * (_last - _first) : _last - _begun, _end - _last, parameterCount);

        public void Begin(string stage, long total, string unit, long completed = 0) => _begun = Cost.Now();

        public void Advance(long units)
        {
            _last = Cost.Now();
            if (_updates == 0)
                _first = _last;
            _updates += units;
            if (_last.Seconds - _first.Seconds > MeasuredSeconds)
                enough.Cancel();
        }

        public void End() => _end = Cost.Now();

        public void Message(string text)
        {
        }
    }
}
