using System.Text.Json;
using System.Text.RegularExpressions;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Microsoft.ML.Tokenizers;

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

/// <summary>CLIP's byte-pair tokenizer: lower case, words end in <c>&lt;/w&gt;</c>, framed by start and end tokens and padded.</summary>
/// <remarks>
/// Immutable, safe for concurrent use. Characters are taken as they come: a letter written as base and combining accent
/// is not composed, so write prompts in composed form.
/// </remarks>
public sealed partial class ClipTokenizer
{
    private const string StartText = "<|startoftext|>", EndText = "<|endoftext|>";
    private const int DefaultLength = 77;

    private readonly BpeTokenizer _tokenizer;
    private readonly int _start;
    private readonly int _end;
    private readonly int _padding;

    private ClipTokenizer(BpeTokenizer tokenizer, int start, int end, int padding, int length)
    {
        _tokenizer = tokenizer;
        _start = start;
        _end = end;
        _padding = padding;
        Length = length;
    }

    /// <summary>Tokens of every encoded text, framing and padding included (77).</summary>
    public int Length { get; }

    /// <summary>Reads a tokenizer.</summary>
    /// <param name="folder">The folder that holds <c>vocab.json</c> and <c>merges.txt</c>.</param>
    /// <exception cref="DdoqException">A file is missing or malformed.</exception>
    public static ClipTokenizer Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string vocabulary = Path.Combine(folder, "vocab.json"), merges = Path.Combine(folder, "merges.txt");
        foreach (string file in (ReadOnlySpan<string>)[vocabulary, merges])
        {
            if (!File.Exists(file))
                throw new DdoqException($"{file} is missing", "a CLIP tokenizer folder holds vocab.json and merges.txt; export the model again");
        }

        BpeTokenizer tokenizer;
        try
        {
            // Read here, since the package's own reader needs reflection, which machine code compiled ahead of time lacks.
            tokenizer = BpeTokenizer.Create(new BpeOptions(ReadVocabulary(vocabulary))
            {
                Merges = File.ReadLines(merges).Where((line, number) => line.Length > 0 && !(number == 0 && line.StartsWith("#version", StringComparison.Ordinal))),
                ByteLevel = true,
                EndOfWordSuffix = "</w>",
                UnknownToken = EndText,
                PreTokenizer = new RegexPreTokenizer(Words(), null),
            });
        }
        catch (Exception exception) when (exception is IOException or JsonException or ArgumentException or InvalidOperationException or FormatException)
        {
            throw new DdoqException($"tokenizer {folder} cannot be read: {exception.Message}", "vocab.json maps tokens to numbers, merges.txt lists pairs; export the model again", exception);
        }

        int Token(string text) => tokenizer.Vocabulary.TryGetValue(text, out int id)
            ? id
            : throw new DdoqException($"{vocabulary} has no token '{text}'", "use the tokenizer the model was exported with");
        ConfigurationFile? configuration = ConfigurationFile.LoadIfPresent(Path.Combine(folder, "tokenizer_config.json"));
        string padding = PaddingText(ConfigurationFile.LoadIfPresent(Path.Combine(folder, "special_tokens_map.json"))) ?? PaddingText(configuration) ?? EndText;

        // Some files hold a number far beyond the range of a length where none was set.
        double length = configuration?.Number("model_max_length") ?? DefaultLength;
        return new ClipTokenizer(tokenizer, Token(StartText), Token(EndText), Token(padding), length is > 2 and <= 4096 ? (int)length : DefaultLength);
    }

    /// <summary>Encodes a text.</summary>
    /// <param name="text">The text; white space is collapsed.</param>
    /// <param name="tokens">Receives <see cref="Length"/> tokens.</param>
    /// <returns>False when the text was too long and was cut.</returns>
    /// <exception cref="ArgumentException"><paramref name="tokens"/> has another length.</exception>
    public bool Encode(string text, Span<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (tokens.Length != Length)
            throw new ArgumentException($"{tokens.Length} places for {Length} tokens", nameof(tokens));
        IReadOnlyList<int> words = _tokenizer.EncodeToIds(WhiteSpace().Replace(text, " ").Trim().ToLowerInvariant());
        int kept = Math.Min(words.Count, Length - 2);
        tokens[0] = _start;
        for (int i = 0; i < kept; i++)
            tokens[i + 1] = words[i];
        tokens[kept + 1] = _end;
        tokens[(kept + 2)..].Fill(_padding);
        return kept == words.Count;
    }

    private static IEnumerable<KeyValuePair<string, int>> ReadVocabulary(string path) =>
        ConfigurationFile.Load(path).Root.EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, entry.Value.GetInt32()));

    private static string? PaddingText(ConfigurationFile? file)
    {
        if (file is null || !file.Root.TryGetProperty("pad_token", out JsonElement element))
            return null;
        return element.ValueKind == JsonValueKind.Object ? file.Section("pad_token")!.Text("content") : file.Text("pad_token");
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex WhiteSpace();
}
