namespace Ddoq.Onnx.Tests.OnnxFiles;

/// <summary>
/// The tiny model in the layout of Stable Diffusion: token v's state is <c>(v / 1000, v / 500)</c>, the UNet predicts
/// <c>0.5 x + 0.0005 t + k mean(states)</c>.
/// </summary>
internal sealed class TinyTextModel : IDisposable
{
    public const int Length = 77;
    public const int Width = 2;

    private readonly TinyModel _model = new();

    public TinyTextModel(float textWeight = 1)
    {
        Directory.Delete(_model.File("transformer"), recursive: true);
        Vocabulary.Save(_model.File("tokenizer"));
        WriteTextEncoder();
        WriteUNet(textWeight);
        _model.Write("model_index.json", """{"_class_name": "StableDiffusionPipeline"}""");
        _model.Write("unet/config.json", """{"sample_size": 2, "in_channels": 4, "out_channels": 4, "cross_attention_dim": 2}""");
        _model.Write("scheduler/scheduler_config.json", """{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "set_alpha_to_one": false, "steps_offset": 1}""");
    }

    public TinyVocabulary Vocabulary { get; } = new();

    public string Path => _model.Path;

    public string File(params string[] parts) => _model.File(parts);

    public void Write(string name, string text) => _model.Write(name, text);

    public void WriteTextEncoder(OnnxType ids = OnnxType.I64, OnnxType states = OnnxType.F32)
    {
        new OnnxGraph()
            .Input("input_ids", ids, "batch", Length)
            .Output("last_hidden_state", states, "batch", Length, Width)
            .Constant("table", [Vocabulary.Count, Width], [.. Enumerable.Range(0, Vocabulary.Count).SelectMany(v => new[] { v / 1000f, v / 500f })])
            .Node("Gather", ["table", "input_ids"], "states", ("axis", 0))
            .Node("Cast", ["states"], "last_hidden_state", ("to", (int)states))
            .Save(File("text_encoder", "model.onnx"));
    }

    public void WriteUNet(float textWeight = 1, OnnxType type = OnnxType.F32, OnnxType timestepType = OnnxType.I64, object[]? timestepShape = null, int width = Width)
    {
        new OnnxGraph()
            .Input("sample", type, "batch", 4, 2, 2)
            .Input("timestep", timestepType, timestepShape ?? ["steps"])
            .Input("encoder_hidden_states", type, "batch", Length, width)
            .Output("out_sample", type, "batch", 4, 2, 2)
            .Constant("half", [1], 0.5f)
            .Constant("rate", [1], 0.0005f)
            .Constant("text_weight", [1], textWeight)
            .Constant("column", [4], -1, 1, 1, 1)
            .Node("Cast", ["sample"], "x", ("to", 1))
            .Node("Cast", ["timestep"], "t", ("to", 1))
            .Node("Cast", ["encoder_hidden_states"], "states", ("to", 1))
            .Node("Mul", ["x", "half"], "xh")
            .Node("Mul", ["t", "rate"], "tr")
            .Node("Reshape", ["tr", "column"], "trs")
            .Node("ReduceMean", ["states"], "mean", ("axes", new[] { 1, 2 }), ("keepdims", 0))
            .Node("Mul", ["mean", "text_weight"], "mw")
            .Node("Reshape", ["mw", "column"], "mws")
            .Node("Add", ["xh", "trs"], "xt")
            .Node("Add", ["xt", "mws"], "sum")
            .Node("Cast", ["sum"], "out_sample", ("to", (int)type))
            .Save(File("unet", "model.onnx"));
    }

    /// <summary>The mean of a prompt's states.</summary>
    public double Mean(IEnumerable<int> words)
    {
        int[] tokens = [Vocabulary.Start, .. words, Vocabulary.End];
        return (tokens.Sum() + ((Length - tokens.Length) * (double)Vocabulary.End)) / Length * 1.5 / 1000;
    }

    public void Dispose() => _model.Dispose();
}
