using Microsoft.ML.OnnxRuntime;

namespace Ddoq.Onnx.Sessions;

/// <summary>A network with its inputs and outputs bound to buffers of a fixed batch: what one thread runs again and again.</summary>
/// <remarks>Not safe for concurrent use; make one per batch in flight. A call allocates nothing on the CPU.</remarks>
internal sealed class BoundCall : IDisposable
{
    private readonly OnnxSession _session;
    private readonly TensorBuffer[] _inputs;
    private readonly TensorBuffer[] _outputs;
    private readonly OrtIoBinding _binding;
    private readonly RunOptions _runOptions = new();

    /// <summary>Binds the buffers and takes ownership of them.</summary>
    public BoundCall(OnnxSession session, TensorBuffer[] inputs, TensorBuffer[] outputs)
    {
        _session = session;
        _inputs = inputs;
        _outputs = outputs;
        _binding = session.Session.CreateIoBinding();
        foreach (TensorBuffer input in inputs)
            _binding.BindInput(input.Signature.Name, input.Value);
        foreach (TensorBuffer output in outputs)
            _binding.BindOutput(output.Signature.Name, output.Value);
    }

    /// <summary>Binds a value that stays the caller's to an input, until another is bound there; memory of the device is read in place.</summary>
    public void BindInput(string name, OrtValue value) => _binding.BindInput(name, value);

    /// <summary>Binds a value that stays the caller's to an output, until another is bound there; memory of the device is written in place.</summary>
    public void BindOutput(string name, OrtValue value) => _binding.BindOutput(name, value);

    /// <summary>Runs the network on what the input buffers hold.</summary>
    /// <exception cref="DdoqException">The network fails, for example because its output has another shape than its signature promises.</exception>
    public void Run()
    {
        foreach (TensorBuffer input in _inputs)
            input.BeforeRun();
        try
        {
            if (_session.Provider != ExecutionProvider.Cpu)
            {
                // Binding copies an input to the device, so it must come after the input is written.
                foreach (TensorBuffer input in _inputs)
                    _binding.BindInput(input.Signature.Name, input.Value);
                _binding.SynchronizeBoundInputs();
            }

            _session.Session.RunWithBinding(_runOptions, _binding);
            if (_session.Provider != ExecutionProvider.Cpu)
                _binding.SynchronizeBoundOutputs();
        }
        catch (OnnxRuntimeException exception)
        {
            throw Explain(exception);
        }

        foreach (TensorBuffer output in _outputs)
            output.AfterRun();
    }

    public void Dispose()
    {
        _binding.Dispose();
        _runOptions.Dispose();
        foreach (TensorBuffer buffer in _inputs)
            buffer.Dispose();
        foreach (TensorBuffer buffer in _outputs)
            buffer.Dispose();
    }

    private DdoqException Explain(OnnxRuntimeException exception)
    {
        string shapes = $"with inputs {string.Join(", ", _inputs.Select(t => t.ToString()))} and outputs {string.Join(", ", _outputs.Select(t => t.ToString()))}";
        bool memory = exception.Message.Contains("allocate", StringComparison.OrdinalIgnoreCase) || exception.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);
        return new DdoqException(
            $"{_session.Path} failed {shapes}: {ProviderSelection.FirstLine(exception.Message)}",
            memory ? "use a smaller batch size" : "check that the network was exported for this model's sizes, with a free batch dimension",
            exception);
    }
}
