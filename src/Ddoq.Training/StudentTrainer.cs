using System.Runtime.ExceptionServices;
using Ddoq.Distilled;
using Ddoq.Training.Protocols;
using Ddoq.Training.Runtime;
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
        TorchRuntime.EnsureLoaded(progress.Message);

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
