using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Text;

/// <summary>Prompts to conditions: <c>input_ids</c> [b, length] to <c>last_hidden_state</c> [b, length, width].</summary>
/// <remarks>Safe for concurrent callers. One prompt per call of the network, so a prompt's condition never depends on others.</remarks>
public sealed class TextEncoder : IDisposable
{
    private readonly OnnxSession _session;
    private readonly LanePool<Lane> _lanes;
    private readonly TensorSignature _input;
    private readonly TensorSignature _output;

    private TextEncoder(ModelFolder folder, OnnxSession session)
    {
        _session = session;
        Tokenizer = ClipTokenizer.Open(folder.TokenizerFolder);
        session.RequireInputCount(1);
        _input = session.RequireInput(new TensorContract(["input_ids"], TensorContract.Integers, new("b"), new("length", Tokenizer.Length)));
        _output = session.RequireOutput(new TensorContract(["last_hidden_state"], TensorContract.Floats, new("b"), new("length", Tokenizer.Length), new("width")));
        Width = _output.Dimensions[2]
            ?? ConfigurationFile.LoadIfPresent(Path.Combine(Path.GetDirectoryName(folder.TextEncoderFile)!, "config.json"))?.Integer("hidden_size")
            ?? throw new DdoqException($"{session.Path} leaves the width of 'last_hidden_state' open and no configuration names it", "write \"hidden_size\" to text_encoder/config.json");
        if (_input.Dimensions[0] is { } rows && rows != 1)
            throw new DdoqException($"{session.Path} was exported with a fixed batch of {rows}; 1 or a free one is expected");
        _lanes = new LanePool<Lane>(() => new Lane(this));
    }

    /// <summary>The tokenizer.</summary>
    public ClipTokenizer Tokenizer { get; }

    /// <summary>Values per token.</summary>
    public int Width { get; }

    /// <summary>Values per prompt, length times width.</summary>
    public int ConditionLength => Tokenizer.Length * Width;

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => _session.Signature;

    /// <summary>Loads the text encoder of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider and threads; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network or the tokenizer is missing, damaged, or does not fit.</exception>
    public static TextEncoder Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new OnnxSessionOptions();
        int length = ClipTokenizer.Open(folder.TokenizerFolder).Length;
        return OnnxSession.Open(
            folder.TextEncoderFile,
            options with { InputShapes = new Dictionary<string, int[]> { ["input_ids"] = [length] } },
            progress,
            session => new TextEncoder(folder, session));
    }

    /// <summary>Encodes a prompt.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="condition">Receives <see cref="ConditionLength"/> values, token by token.</param>
    /// <returns>False when the prompt was too long and was cut.</returns>
    /// <exception cref="ArgumentException"><paramref name="condition"/> is too short.</exception>
    /// <exception cref="DdoqException">The network fails.</exception>
    public bool Encode(string prompt, Span<float> condition)
    {
        RowSpans.Check(nameof(condition), condition.Length, 1, ConditionLength);
        Lane lane = _lanes.Rent();
        bool whole = lane.Run(prompt, condition);
        _lanes.Return(lane);
        return whole;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _session.Dispose();
    }

    private sealed class Lane : IDisposable
    {
        private readonly ClipTokenizer _tokenizer;
        private readonly TensorBuffer _tokens;
        private readonly TensorBuffer _states;
        private readonly BoundCall _call;
        private readonly int[] _ids;

        public Lane(TextEncoder owner)
        {
            _tokenizer = owner.Tokenizer;
            _ids = new int[_tokenizer.Length];
            _tokens = new TensorBuffer(owner._input, 1, _ids.Length);
            _states = new TensorBuffer(owner._output, 1, _ids.Length, owner.Width);
            _call = new BoundCall(owner._session, [_tokens], [_states]);
        }

        public bool Run(string prompt, Span<float> condition)
        {
            bool whole = _tokenizer.Encode(prompt, _ids);
            _tokens.Write(_ids);
            _call.Run();
            _states.Floats.CopyTo(condition);
            return whole;
        }

        public void Dispose() => _call.Dispose();
    }
}
