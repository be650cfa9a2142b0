using Ddoq.Storage;
using Microsoft.ML.OnnxRuntime;

namespace Ddoq.Onnx.Sessions;

/// <summary>One network, loaded and ready to run.</summary>
/// <remarks>
/// Safe for concurrent calls. On the CPU under <see cref="OnnxSessionOptions.Deterministic"/> a call uses the calling
/// thread only: how the runtime cuts a matrix product among its own threads changes the order of summation, so more
/// threads take more batches instead (<see cref="LaneCount"/>). Denormal numbers are left alone: the runtime's switch
/// acts on the thread that opens the first session and on no other caller, so results would depend on the thread.
/// </remarks>
public sealed class OnnxSession : IDisposable
{
    private OnnxSession(string path, InferenceSession session, OnnxSessionOptions options, ExecutionProvider provider, int laneCount, string description)
    {
        Path = path;
        Options = options;
        Session = session;
        Provider = provider;
        LaneCount = laneCount;
        Description = description;
        Inputs = [.. session.InputNames.Select(name => TensorSignature.From(name, session.InputMetadata[name]))];
        Outputs = [.. session.OutputNames.Select(name => TensorSignature.From(name, session.OutputMetadata[name]))];
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The provider in use; never <see cref="ExecutionProvider.Auto"/>.</summary>
    public ExecutionProvider Provider { get; }

    /// <summary>Provider, device and threads in words, and why, when <c>auto</c> fell back.</summary>
    public string Description { get; }

    /// <summary>Calls worth having in flight at once.</summary>
    public int LaneCount { get; }

    /// <summary>What the network takes.</summary>
    public IReadOnlyList<TensorSignature> Inputs { get; }

    /// <summary>What the network gives.</summary>
    public IReadOnlyList<TensorSignature> Outputs { get; }

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => $"{List(Inputs)} -> {List(Outputs)}";

    internal InferenceSession Session { get; }

    internal OnnxSessionOptions Options { get; }

    /// <summary>Loads a network.</summary>
    /// <param name="path">The .onnx file; weights in a second file are found beside it.</param>
    /// <param name="options">Provider and threads.</param>
    /// <param name="progress">Told when <see cref="ExecutionProvider.Auto"/> falls back; null to tell nobody.</param>
    /// <exception cref="DeviceUnavailableException">The provider that was asked for is not there or does not start.</exception>
    /// <exception cref="DdoqException">The file is missing, damaged or not usable by this runtime.</exception>
    public static OnnxSession Open(string path, OnnxSessionOptions options, IProgressSink? progress = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ModelFileCheck.Verify(path);
        (string version, IReadOnlyList<string> available) = OnnxRuntimeLocation.Load();
        ExecutionProvider provider = ProviderSelection.Choose(options.Provider, available, version);
        string reason = "";
        if (provider != ExecutionProvider.Cpu)
        {
            try
            {
                return Create(path, null, options, provider, version, $"{ProviderSelection.Name(provider)}:{options.DeviceId}, ONNX Runtime {version}");
            }
            catch (DeviceUnavailableException exception) when (options.Provider == ExecutionProvider.Auto)
            {
                reason = $" ({exception.Message})";
                progress?.Message($"provider auto: cpu for {path}{reason}");
            }
        }

        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        return Create(path, null, options, ExecutionProvider.Cpu, version, $"cpu, {threads} {(threads == 1 ? "thread" : "threads")}, ONNX Runtime {version}{reason}");
    }

    /// <summary>Loads a network for an object that owns it, and closes it again when that cannot be made.</summary>
    internal static T Open<T>(string path, OnnxSessionOptions options, IProgressSink? progress, Func<OnnxSession, T> create)
    {
        OnnxSession session = Open(path, options, progress);
        try
        {
            return create(session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Opens a network the program wrote itself, on the device of another; under TensorRT by CUDA, since an engine is not worth its building.</summary>
    internal static OnnxSession OpenGenerated(byte[] network, string name, OnnxSession like)
    {
        ExecutionProvider provider = like.Provider == ExecutionProvider.TensorRt ? ExecutionProvider.Cuda : like.Provider;
        return Create(name, network, like.Options, provider, OnnxRuntimeLocation.Load().Version, $"{name}, {like.Description}");
    }

    /// <inheritdoc/>
    public void Dispose() => Session.Dispose();

    /// <summary>Rows per call when the user names no number.</summary>
    /// <param name="positions">Pixels, or latent positions, of one row.</param>
    /// <param name="largestSmallRow">Positions above which the number falls, to keep the memory of a call bounded.</param>
    internal int ChooseBatchSize(long positions, long largestSmallRow)
    {
        // Eight rows already fill a core; larger CPU batches only waste more rows on padding.
        int most = Provider == ExecutionProvider.Cpu ? 8 : 64;
        return (int)Math.Max(1, most * largestSmallRow / Math.Max(positions, largestSmallRow));
    }

    internal TensorSignature RequireInput(TensorContract contract) => Require(Inputs, contract, "input");

    internal TensorSignature RequireOutput(TensorContract contract) => Require(Outputs, contract, "output");

    internal void RequireInputCount(int count)
    {
        if (Inputs.Count != count)
            throw new DdoqException($"{Path}: {count} {(count == 1 ? "input is" : "inputs are")} expected; found {List(Inputs)}", "check that the file is the network its folder says");
    }

    private static OnnxSession Create(string path, byte[]? network, OnnxSessionOptions options, ExecutionProvider provider, string version, string description)
    {
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        bool spread = provider == ExecutionProvider.Cpu && options.Deterministic;
        using var settings = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = spread ? 1 : threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        Append(settings, path, options, provider, version);
        try
        {
            InferenceSession session = network is null ? new InferenceSession(path, settings) : new InferenceSession(network, settings);
            return new OnnxSession(path, session, options, provider, spread ? threads : 1, description);
        }
        catch (OnnxRuntimeException exception) when (provider != ExecutionProvider.Cpu && exception.Message.Contains("CUDA", StringComparison.Ordinal))
        {
            throw ProviderSelection.DoesNotStart(provider, options.DeviceId, exception);
        }
        catch (OnnxRuntimeException exception)
        {
            throw ModelFileCheck.Explain(path, exception);
        }
    }

    private static void Append(SessionOptions settings, string path, OnnxSessionOptions options, ExecutionProvider provider, string version)
    {
        if (provider == ExecutionProvider.Cpu)
            return;
        try
        {
            if (provider == ExecutionProvider.TensorRt)
            {
                var engine = new TensorRtEngine(path, version, TensorRtEngine.DescribeDevice(options.DeviceId), options, ReadInputs(path));
                using var tensorRt = new OrtTensorRTProviderOptions();
                tensorRt.UpdateOptions(WithStream(engine.ToProviderOptions(options.DeviceId), options));
                settings.AppendExecutionProvider_Tensorrt(tensorRt);
            }

            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(WithStream(
                new Dictionary<string, string>
                {
                    ["device_id"] = options.DeviceId.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    ["cudnn_conv_algo_search"] = options.Deterministic ? "DEFAULT" : "HEURISTIC",
                    ["use_tf32"] = options.AllowTensorFloat32 ? "1" : "0",
                },
                options));
            settings.AppendExecutionProvider_CUDA(cuda);
        }
        catch (Exception exception) when (exception is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
        {
            throw ProviderSelection.DoesNotStart(provider, options.DeviceId, exception);
        }
    }

    private static Dictionary<string, string> WithStream(Dictionary<string, string> values, OnnxSessionOptions options)
    {
        if (options.ComputeStream != 0)
        {
            values["has_user_compute_stream"] = "1";
            values["user_compute_stream"] = options.ComputeStream.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return values;
    }

    // TensorRT must know its shapes before the session that would tell them exists. Without optimisation this is quick
    // beside the building of an engine.
    private static List<TensorSignature> ReadInputs(string path)
    {
        using var settings = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        try
        {
            using var session = new InferenceSession(path, settings);
            return [.. session.InputNames.Select(name => TensorSignature.From(name, session.InputMetadata[name]))];
        }
        catch (OnnxRuntimeException exception)
        {
            throw ModelFileCheck.Explain(path, exception);
        }
    }

    private static string List(IReadOnlyList<TensorSignature> tensors) => string.Join(", ", tensors);

    private TensorSignature Require(IReadOnlyList<TensorSignature> tensors, TensorContract contract, string role)
    {
        foreach (string name in contract.Names)
        {
            if (tensors.FirstOrDefault(t => t.Name == name) is not { } found)
                continue;
            return contract.Accepts(found)
                ? found
                : throw new DdoqException($"{Path}: {role} {found} does not fit; expected {contract}", "check that the file is the network its folder says, exported for this model's sizes");
        }

        throw new DdoqException($"{Path}: no {role} '{string.Join("' or '", contract.Names)}'; expected {contract}, found {List(tensors)}", "check that the file is the network its folder says, or export it again with these names");
    }
}

/// <summary>What can be said about a network's file before the runtime reads it.</summary>
internal static class ModelFileCheck
{
    /// <summary>Refuses what is plainly not a network.</summary>
    /// <exception cref="DdoqException">The file is missing, empty, unreadable, or a pointer to a large file that was not fetched.</exception>
    public static void Verify(string path)
    {
        if (!File.Exists(path))
            throw new DdoqException($"{path} is missing", "give a folder whose networks were exported to ONNX");
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (stream.Length == 0)
                throw new DdoqException($"{path} is empty", "copy or export the network again");
            GitPointer.Refuse(stream);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"{path} cannot be read: {exception.Message}", innerException: exception);
        }
    }

    private static bool BeginsLikeAZip(string path)
    {
        Span<byte> start = stackalloc byte[4];
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual("PK\x03\x04"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Words an error of the runtime while it reads a file.</summary>
    public static DdoqException Explain(string path, Exception cause)
    {
        string text = cause.Message;
        string? hint = null;
        if (text.Contains("INVALID_PROTOBUF", StringComparison.OrdinalIgnoreCase) || text.Contains("Protobuf parsing failed", StringComparison.Ordinal))
        {
            return BeginsLikeAZip(path)
                ? new DdoqException($"{path} is a zip archive, as torch saves its checkpoints, not an ONNX network", "export the checkpoint with a script of tools/export (docs/models.md)", cause)
                : new DdoqException($"{path} is not an ONNX network, or it is damaged", "copy or export the network again", cause);
        }

        if (text.Contains("external", StringComparison.OrdinalIgnoreCase) || text.Contains(".onnx_data", StringComparison.OrdinalIgnoreCase) || text.Contains(".onnx.data", StringComparison.OrdinalIgnoreCase))
            hint = "the weights lie in a second file (often model.onnx_data) that must be complete and stand beside the network";
        else if (text.Contains("opset", StringComparison.OrdinalIgnoreCase))
            hint = "export the network again with an opset this ONNX Runtime knows";
        return new DdoqException($"{path} cannot be loaded: {ProviderSelection.FirstLine(text)}", hint ?? "export the network again", cause);
    }
}
