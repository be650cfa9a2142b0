namespace Ddoq.Onnx.Text;

/// <summary>The conditions of each class's prompt, encoded when first asked for.</summary>
/// <remarks>Safe for concurrent use. Keeps a bounded number: 1,000 classes of Stable Diffusion 1.5 take 240 MB.</remarks>
internal sealed class PromptConditions : IDisposable
{
    private const int MostKept = 1024;

    private readonly TextEncoder _encoder;
    private readonly IReadOnlyList<string> _prompts;
    private readonly IProgressSink _progress;
    private readonly Dictionary<int, float[]> _kept = [];
    private readonly Lock _lock = new();

    public PromptConditions(TextEncoder encoder, IReadOnlyList<string> prompts, string negativePrompt, IProgressSink progress)
    {
        _encoder = encoder;
        _prompts = prompts;
        _progress = progress;
        Negative = Encode(negativePrompt, "the negative prompt");
    }

    public int Count => _prompts.Count;

    /// <summary>Tokens and values per token of a condition.</summary>
    public (int Length, int Width) Shape => (_encoder.Tokenizer.Length, _encoder.Width);

    /// <summary>The condition of the unconditional rows.</summary>
    public float[] Negative { get; }

    public float[] OfClass(int classIndex)
    {
        lock (_lock)
        {
            if (_kept.TryGetValue(classIndex, out float[]? condition))
                return condition;
            condition = Encode(_prompts[classIndex], $"the prompt of class {classIndex}");
            if (_kept.Count >= MostKept)
                _kept.Clear();
            _kept.Add(classIndex, condition);
            return condition;
        }
    }

    public void Dispose() => _encoder.Dispose();

    private float[] Encode(string prompt, string role)
    {
        var condition = new float[_encoder.ConditionLength];
        if (!_encoder.Encode(prompt, condition))
            _progress.Message($"{role} has more than {_encoder.Tokenizer.Length - 2} tokens and was cut: '{prompt}'");
        return condition;
    }
}
