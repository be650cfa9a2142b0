using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using Ddoq.Distilled;
using Ddoq.Training.Losses;
using Ddoq.Training.Networks;
using Ddoq.Training.Optimizers;
using Ddoq.Training.Protocols;
using Ddoq.Training.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>Trains a student on distilled images and measures it on real ones.</summary>
public static class StudentTrainer
{
    /// <summary>Trains one student from scratch, or goes on where an earlier call was stopped.</summary>
    /// <param name="train">The distilled images, with weights.</param>
    /// <param name="test">Real images of the same size; their <see cref="TrainingImages.SoftLabels"/>, where given, are the
    /// teacher's and serve <see cref="TrainingResult.TeacherAgreement"/> without asking the teacher again.</param>
    /// <param name="classCount">C.</param>
    /// <param name="options">Protocol and numbers.</param>
    /// <param name="teacher">Labels batches; needed by <c>rded</c>, otherwise only used for the agreement.</param>
    /// <param name="checkpointFolder">Where the state is kept so that a stopped run can go on; created if missing. One run
    /// per folder. Its <c>student.safetensors</c> holds the trained weights as <c>model.*</c> under PyTorch's names. A folder
    /// with a finished run gives that run's result at once. Null keeps nothing.</param>
    /// <param name="progress">Receives progress in updates.</param>
    /// <param name="cancellation">Stops between two updates; the state reached is kept.</param>
    /// <remarks>
    /// The run has a thread of its own, so its number of torch threads holds for it alone, and runs can go side by side.
    /// Same images, options (with seed and threads) and teacher: the same result to the last bit on one machine, resumed or
    /// not. Across thread counts and machines only statistically the same, as torch sums in other orders.
    /// </remarks>
    /// <exception cref="UsageException">An option is out of range, or the protocol lacks its teacher or stored labels.</exception>
    /// <exception cref="DdoqException">The images do not fit each other, or the folder holds another run's state.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public static TrainingResult Train(
        TrainingImages train,
        TrainingImages test,
        int classCount,
        StudentOptions options,
        TeacherFunction? teacher,
        string? checkpointFolder,
        IProgressSink progress,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        train.Validate("training", classCount);
        test.Validate("test", classCount);
        if (train.Height != test.Height || train.Width != test.Width)
        {
            throw new DdoqException(
                $"training images have {train.Height}x{train.Width} pixels, test images {test.Height}x{test.Width}",
                "Resize one of the sets.");
        }

        int imagesPerClass = (train.Count + classCount - 1) / classCount;
        ProtocolRecipe recipe = ProtocolRecipe.For(options, imagesPerClass, train.Height, classCount);
        RequireLabels(train, recipe, teacher);
        TorchRuntime.EnsureLoaded();

        TrainingResult? result = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                set_num_threads(options.Threads);
                using var run = new TrainingRun(train, test, classCount, options, recipe, teacher, checkpointFolder, progress);
                result = run.Execute(cancellation);
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        {
            IsBackground = true,
            Name = "student training",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private static void RequireLabels(TrainingImages train, ProtocolRecipe recipe, TeacherFunction? teacher)
    {
        if (recipe.NeedsTeacher && teacher is null)
        {
            throw new UsageException(
                $"protocol {recipe.Protocol.ToName()} labels every augmented batch with the teacher, and none was given",
                $"Give a teacher, or use {StudentProtocol.StoredSoft.ToName()} (stored logits) or {StudentProtocol.SmallImage.ToName()} (hard labels).");
        }

        if (recipe.NeedsStoredLabels && train.SoftLabels is null)
        {
            throw new UsageException(
                $"protocol {recipe.Protocol.ToName()} needs the teacher's logits of the training images, and there are none",
                "Label the set first, or use a protocol with hard labels or with the teacher in the loop.");
        }
    }
}

/// <summary>Labels a batch of images.</summary>
/// <param name="images">[B, 3, H, W] planar RGB in [0, 1], before any normalisation; valid during the call.</param>
/// <param name="count">B.</param>
/// <param name="logits">[B, C], to be filled.</param>
/// <remarks>
/// Called from the training thread, one call at a time per run; runs in parallel call it at the same time, so it must be
/// thread-safe then. The same images must give the same logits, or runs cannot be repeated.
/// </remarks>
public delegate void TeacherFunction(ReadOnlySpan<float> images, int count, Span<float> logits);

/// <summary>What came of training one student.</summary>
/// <param name="LastAccuracy">Share of test images classified rightly after the last update, in [0, 1].</param>
/// <param name="BestAccuracy">Greatest accuracy at any evaluation; some protocols' literature reports this one.</param>
/// <param name="TeacherAgreement">Share of test images on which student and teacher say the same; null without a teacher.</param>
/// <param name="LossCurve">Mean weighted loss per image of every epoch; the last may be cut short by a number of updates.</param>
/// <param name="Evaluations">Every evaluation, in order; the last is after the last update.</param>
/// <param name="Updates">Optimiser updates done.</param>
/// <param name="WeightStatistics">Per class, the weights that training used (after normalisation by dataset, before that by batch).</param>
/// <param name="ParameterCount">Trainable values of the student.</param>
public sealed record TrainingResult(
    double LastAccuracy,
    double BestAccuracy,
    double? TeacherAgreement,
    IReadOnlyList<double> LossCurve,
    IReadOnlyList<TrainingEvaluation> Evaluations,
    int Updates,
    IReadOnlyList<WeightStatistics> WeightStatistics,
    long ParameterCount);

/// <summary>Accuracy on the test images during a run.</summary>
/// <param name="Update">Updates done before it.</param>
/// <param name="Accuracy">Share classified rightly, in [0, 1].</param>
public readonly record struct TrainingEvaluation(int Update, double Accuracy);

/// <summary>One run on the thread at hand: network, optimiser, and the loop over updates.</summary>
internal sealed class TrainingRun : IDisposable
{
    /// <summary>Largest activation of a forward pass: above 32 MB, glibc's allocator maps and unmaps pages at every operation.</summary>
    private const long ActivationBytes = 26_000_000;

    // The share of the time that checkpoints may take while more than a second lies between two.
    private const double SavingShare = 0.02;

    private readonly StudentOptions _options;
    private readonly ProtocolRecipe _recipe;
    private readonly TrainingImages _train;
    private readonly int _classCount;
    private readonly TeacherFunction? _teacher;
    private readonly IProgressSink _progress;
    private readonly StudentNetwork _network;
    private readonly StudentOptimizer _optimizer;
    private readonly TrainingBatchSource _batches;
    private readonly StudentEvaluator _evaluator;
    private readonly StudentCheckpoint? _checkpoint;
    private readonly int _microBatchSize;
    private readonly int _totalUpdates;

    public TrainingRun(
        TrainingImages train,
        TrainingImages test,
        int classCount,
        StudentOptions options,
        ProtocolRecipe recipe,
        TeacherFunction? teacher,
        string? checkpointFolder,
        IProgressSink progress)
    {
        _options = options;
        _recipe = recipe;
        _train = train;
        _classCount = classCount;
        _teacher = teacher;
        _progress = progress;
        _network = StudentNetwork.Create(recipe.Network, classCount, train.Height, train.Width, options.Seed, recipe.NetworkWidth);
        _optimizer = _recipe.Optimizer switch
        {
            OptimizerKind.Sgd => new SgdOptimizer(_network.named_parameters(), momentum: 0.9, recipe.WeightDecay),
            _ => new AdamWOptimizer(
                _network.named_parameters(), recipe.WeightDecay, _recipe.Optimizer == OptimizerKind.AdamWMatrixDecay),
        };
        _batches = new TrainingBatchSource(train, classCount, options, recipe, teacher);
        int passSize = PassSize(recipe, train);
        _microBatchSize = options.MicroBatchSize > 0 ? options.MicroBatchSize : _network.MixesImages ? int.MaxValue : passSize;
        _evaluator = new StudentEvaluator(test, classCount, recipe.Normalisation, passSize);
        _totalUpdates = recipe.TotalUpdates(train.Count);
        if (checkpointFolder is not null)
        {
            string fingerprint = StudentCheckpoint.Fingerprint(train, test, classCount, options, recipe);
            _checkpoint = new StudentCheckpoint(checkpointFolder, fingerprint, _network, _optimizer);
        }
    }

    /// <summary>Trains to the end and evaluates.</summary>
    public TrainingResult Execute(CancellationToken cancellation)
    {
        TrainingState state = _checkpoint?.Load() ?? new TrainingState();
        if (!state.IsComplete)
        {
            if (state.Update > 0)
                _progress.Message($"training goes on at update {state.Update} of {_totalUpdates}");
            _progress.Begin("train", _totalUpdates, "updates", state.Update);
            try
            {
                TrainAndEvaluate(state, cancellation);
                state.IsComplete = true;
                _checkpoint?.Save(state);
            }
            catch (OperationCanceledException)
            {
                // Cancellation is noticed between updates only, so network and optimiser are those of state.Update.
                _checkpoint?.Save(state);
                throw;
            }
            finally
            {
                _progress.End();
            }
        }

        return new TrainingResult(
            state.Evaluations[^1].Accuracy,
            state.Evaluations.Max(evaluation => evaluation.Accuracy),
            state.TeacherAgreement,
            state.LossCurve,
            state.Evaluations,
            state.Update,
            WeightStatistics.PerClass(_batches.Weights, _train.Labels, _classCount),
            _network.ParameterCount);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _evaluator.Dispose();
        _batches.Dispose();
        _optimizer.Dispose();
        _network.Dispose();
    }

    private void TrainAndEvaluate(TrainingState state, CancellationToken cancellation)
    {
        var sinceSave = Stopwatch.StartNew();
        double saveSeconds = 0;
        _network.train();
        while (true)
        {
            if (IsEvaluationDue(state))
            {
                int[] predictions = _evaluator.Predict(_network, cancellation);
                if (state.Update == _totalUpdates)
                    state.TeacherAgreement = _evaluator.TeacherAgreement(predictions, _teacher, cancellation);
                state.Evaluations.Add(new TrainingEvaluation(state.Update, _evaluator.Accuracy(predictions)));
            }

            if (state.Update == _totalUpdates)
                return;
            cancellation.ThrowIfCancellationRequested();
            (int epoch, int step) = Math.DivRem(state.Update, _batches.StepsPerEpoch);
            state.EpochLoss += Update(epoch, step, LearningRate(state.Update, epoch));
            state.Update++;
            _progress.Advance(1);

            bool endsEpoch = step + 1 == _batches.StepsPerEpoch;
            if (endsEpoch || state.Update == _totalUpdates)
            {
                int images = endsEpoch ? _train.Count : (step + 1) * _batches.BatchSize;
                state.LossCurve.Add(state.EpochLoss / images);
                state.EpochLoss = 0;
            }

            // As often as saving costs little: a small student loses a second at most, a large one half a minute.
            if (_checkpoint is not null && sinceSave.Elapsed.TotalSeconds >= Math.Min(_options.CheckpointSeconds, Math.Max(1, saveSeconds / SavingShare)))
            {
                sinceSave.Restart();
                _checkpoint.Save(state);
                saveSeconds = sinceSave.Elapsed.TotalSeconds;
                sinceSave.Restart();
            }
        }
    }

    /// <summary>Whether the state stands where an evaluation belongs that it does not have yet.</summary>
    private bool IsEvaluationDue(TrainingState state)
    {
        if (state.Evaluations.Count > 0 && state.Evaluations[^1].Update == state.Update)
            return false;
        (int epochs, int steps) = Math.DivRem(state.Update, _batches.StepsPerEpoch);
        return state.Update == _totalUpdates
            || (_options.EvaluationInterval > 0 && steps == 0 && epochs > 0 && epochs % _options.EvaluationInterval == 0);
    }

    /// <summary>The gradient of one batch, part by part, then one step of the optimiser.</summary>
    /// <returns>Sum of the images' weighted losses.</returns>
    private double Update(int epoch, int step, double learningRate)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingBatch batch = _batches.Make(epoch, step);
        int parts = (int)Math.Ceiling((double)batch.Count / _microBatchSize);
        int partSize = (batch.Count + parts - 1) / parts;
        double sum = 0;
        for (int first = 0; first < batch.Count; first += partSize)
        {
            using DisposeScope part = NewDisposeScope();
            Tensor loss = PartLoss(batch, first, Math.Min(partSize, batch.Count - first));
            loss.backward();
            sum += loss.ToSingle();
        }

        if (!double.IsFinite(sum))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"the training loss became {sum} in epoch {epoch + 1}, batch {step + 1}"),
                "Lower the learning rate, or check images and weights for extreme values.");
        }

        _optimizer.Step(learningRate);
        return sum * batch.Count;
    }

    private Tensor PartLoss(TrainingBatch batch, int first, int count)
    {
        Tensor logits = _network.call(batch.Images.narrow(0, first, count));
        Tensor weights = batch.Weights.narrow(0, first, count);
        return batch.SoftTargets is { } targets
            ? WeightedLoss.KullbackLeibler(logits, targets.narrow(0, first, count), weights, _recipe.Temperature, batch.Count)
            : WeightedLoss.CrossEntropy(
                logits, batch.Labels!.narrow(0, first, count), batch.PartnerLabels?.narrow(0, first, count), batch.Lambda, weights, batch.Count);
    }

    private double LearningRate(int update, int epoch) => _recipe.LearningRate * (_recipe.Updates > 0
        ? LearningRateSchedule.Factor(_recipe.Schedule, update, _totalUpdates)
        : LearningRateSchedule.Factor(_recipe.Schedule, epoch, _recipe.Epochs));

    private static int PassSize(ProtocolRecipe recipe, TrainingImages images)
    {
        int channels = recipe.NetworkWidth > 0 ? recipe.NetworkWidth : recipe.Network == StudentArchitecture.ConvNet3 ? 128 : 64;
        long bytesPerImage = 4L * channels * images.Height * images.Width;
        return (int)Math.Clamp(ActivationBytes / bytesPerImage, 1, 256);
    }
}
