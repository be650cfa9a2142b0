using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ddoq.Storage;
using Ddoq.Training.Networks;
using Ddoq.Training.Optimizers;
using Ddoq.Training.Protocols;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>The state of one run in one safetensors file, written atomically.</summary>
/// <remarks>
/// <c>student.safetensors</c>: <c>model.*</c> are the network's parameters and buffers under PyTorch's names,
/// <c>optimizer.*</c> the optimiser's moments; the metadata hold the run's fingerprint and <see cref="TrainingState"/>. No time
/// of day or duration is kept: the same run gives the same bytes.
/// </remarks>
internal sealed class StudentCheckpoint
{
    private const string FileName = "student.safetensors";
    private const string FingerprintKey = "fingerprint";
    private const string StateKey = "state";

    private readonly string _path;
    private readonly string _fingerprint;
    private readonly StudentOptimizer _optimizer;
    private readonly List<(string Name, Tensor Tensor)> _tensors;

    /// <summary>Prepares a folder, created if missing.</summary>
    /// <param name="folder">One run per folder.</param>
    /// <param name="fingerprint">Identifies the run; see <see cref="Fingerprint"/>.</param>
    /// <param name="network">Read on saving, overwritten on loading.</param>
    /// <param name="optimizer">Likewise.</param>
    public StudentCheckpoint(string folder, string fingerprint, StudentNetwork network, StudentOptimizer optimizer)
    {
        _fingerprint = fingerprint;
        _optimizer = optimizer;
        _path = Path.Combine(folder, FileName);
        _tensors =
        [
            .. network.state_dict().Select(entry => ($"model.{entry.Key}", entry.Value)),
            .. optimizer.State.Select(entry => ($"optimizer.{entry.Name}", entry.Tensor)),
        ];
        // 64-bit tensors first keeps every tensor aligned.
        _tensors = [.. _tensors.OrderBy(entry => entry.Tensor.dtype == ScalarType.Int64 ? 0 : 1)];
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"cannot create the checkpoint folder '{folder}': {exception.Message}", "Choose a folder that can be written.", exception);
        }
    }

    /// <summary>SHA-256 over everything the run's result depends on, the teacher excepted.</summary>
    public static string Fingerprint(TrainingImages train, TrainingImages test, int classCount, StudentOptions options, ProtocolRecipe recipe)
    {
        string[] parts =
        [
            JsonSerializer.Serialize(options with { CheckpointSeconds = 0 }),
            JsonSerializer.Serialize(recipe),
            classCount.ToString(CultureInfo.InvariantCulture),
            Of(train),
            Of(test),
        ];
        return ContentHash.OfText(string.Join('\n', parts));
    }

    /// <summary>Restores network, optimiser and state.</summary>
    /// <returns>A fresh state when there is no file yet.</returns>
    /// <exception cref="DdoqException">The file is damaged or belongs to another run.</exception>
    public TrainingState Load()
    {
        if (!File.Exists(_path))
            return new TrainingState();
        using SafetensorsFile file = SafetensorsFile.Open(_path);
        if (!file.Metadata.TryGetValue(FingerprintKey, out string? fingerprint) || fingerprint != _fingerprint)
        {
            throw new DdoqException(
                $"'{_path}' was written by a run with other images or options",
                "Give every run a checkpoint folder of its own, or delete this one to start anew.");
        }

        using IDisposable noGradients = no_grad();
        foreach ((string name, Tensor target) in _tensors)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor stored = target.dtype == ScalarType.Int64
                ? tensor(file.GetSpan<long>(name).ToArray(), target.shape)
                : tensor(file.GetSpan<float>(name).ToArray(), target.shape);
            target.copy_(stored);
        }

        TrainingState state = JsonSerializer.Deserialize<TrainingState>(file.Metadata[StateKey])!;
        _optimizer.StepCount = state.Update;
        return state;
    }

    /// <summary>Replaces the file by the state reached.</summary>
    public void Save(TrainingState state)
    {
        var metadata = new Dictionary<string, string>
        {
            [FingerprintKey] = _fingerprint,
            [StateKey] = JsonSerializer.Serialize(state),
        };
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            _path,
            _tensors.Select(entry => (
                entry.Name,
                entry.Tensor.dtype == ScalarType.Int64 ? SafetensorsType.I64 : SafetensorsType.F32,
                (IReadOnlyList<long>)entry.Tensor.shape)),
            metadata);
        foreach ((string name, Tensor source) in _tensors)
        {
            if (source.dtype == ScalarType.Int64)
                writer.Append<long>(name, MemoryMarshal.Cast<byte, long>(source.bytes));
            else
                writer.Append<float>(name, MemoryMarshal.Cast<byte, float>(source.bytes));
        }

        writer.Complete();
    }

    private static string Of(TrainingImages images) => string.Join(
        ' ',
        string.Create(CultureInfo.InvariantCulture, $"{images.Count} {images.Height} {images.Width}"),
        ContentHash.OfBytes(images.Pixels),
        ContentHash.OfBytes(MemoryMarshal.AsBytes(images.Labels.AsSpan())),
        images.Weights is null ? "-" : ContentHash.OfBytes(MemoryMarshal.AsBytes(images.Weights.AsSpan())),
        images.SoftLabels is null ? "-" : ContentHash.OfBytes(MemoryMarshal.AsBytes(images.SoftLabels.AsSpan())));
}

/// <summary>What a run has reached, beside the tensors of its network and optimiser.</summary>
internal sealed class TrainingState
{
    /// <summary>Updates done.</summary>
    public int Update { get; set; }

    /// <summary>Sum of the images' weighted losses in the epoch under way.</summary>
    public double EpochLoss { get; set; }

    /// <summary>Mean weighted loss of every finished epoch.</summary>
    public List<double> LossCurve { get; init; } = [];

    /// <summary>Evaluations so far.</summary>
    public List<TrainingEvaluation> Evaluations { get; init; } = [];

    /// <summary>Agreement with the teacher, once known.</summary>
    public double? TeacherAgreement { get; set; }

    /// <summary>Whether the run is over.</summary>
    public bool IsComplete { get; set; }
}
