using System.Globalization;

namespace Ddoq.Onnx.Tests.OnnxFiles;

/// <summary>
/// A model folder whose networks are a few operators with known results: latents [4,2,2], images [3,4,4].
/// </summary>
/// <remarks>
/// Encoder: a 2x2 convolution of stride 2 with weights <see cref="EncoderWeight"/> and bias channel / 10. Decoder: its
/// transpose with <see cref="DecoderWeight"/>. Backbone: <c>0.5 x + 0.0005 t + k label</c>. Teacher: logit c is the mean
/// of the normalised pixels times c + 1, minus c.
/// </remarks>
internal sealed class TinyModel : IDisposable
{
    public const int ImageSize = 4;
    public const int LatentSize = 2;
    public const int Channels = 4;
    public const int Latent = Channels * LatentSize * LatentSize;
    public const int Pixels = 3 * ImageSize * ImageSize;
    public const int Classes = 3;
    public const double ScalingFactor = 0.25;

    private readonly TemporaryFolder _folder = new();

    public TinyModel(float labelWeight = 0, bool learnedVariance = false)
    {
        WriteEncoder();
        WriteDecoder();
        WriteBackbone(labelWeight, learnedVariance);
        WriteTeacher();
        WriteConfigurations(learnedVariance);
    }

    public string Path => _folder.Path;

    public string File(params string[] parts) => _folder.File(parts);

    public void Write(string name, string text) => _folder.Write(name, text);

    public static float EncoderWeight(int output, int input, int y, int x) => ((((output * 7) + (input * 3) + (y * 2) + x) % 5) - 2) / 8f;

    public static float DecoderWeight(int input, int output, int y, int x) => ((((input * 5) + (output * 2) + (y * 3) + x) % 7) - 3) / 4f;

    public void WriteEncoder(OnnxType type = OnnxType.F32, string output = "latent_parameters", int outputChannels = 2 * Channels, string input = "sample", object? batch = null)
    {
        var weights = new List<float>();
        for (int o = 0; o < outputChannels; o++)
            for (int i = 0; i < 3; i++)
                for (int y = 0; y < 2; y++)
                    for (int x = 0; x < 2; x++)
                        weights.Add(EncoderWeight(o, i, y, x));
        batch ??= "batch";
        var graph = new OnnxGraph()
            .Input(input, type, batch, 3, ImageSize, ImageSize)
            .Output(output, type, batch, outputChannels, LatentSize, LatentSize)
            .Constant("weight", [outputChannels, 3, 2, 2], [.. weights])
            .Constant("bias", [outputChannels], [.. Enumerable.Range(0, outputChannels).Select(c => c / 10f)])
            .Node("Cast", [input], "wide", ("to", (int)OnnxType.F32))
            .Node("Conv", ["wide", "weight", "bias"], "result", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
            .Node("Cast", ["result"], output, ("to", (int)type));
        graph.Save(File("vae_encoder", "model.onnx"));
    }

    public void WriteDecoder(string output = "sample")
    {
        var weights = new List<float>();
        for (int i = 0; i < Channels; i++)
            for (int o = 0; o < 3; o++)
                for (int y = 0; y < 2; y++)
                    for (int x = 0; x < 2; x++)
                        weights.Add(DecoderWeight(i, o, y, x));
        new OnnxGraph()
            .Input("latent_sample", OnnxType.F32, "batch", Channels, LatentSize, LatentSize)
            .Output(output, OnnxType.F32, "batch", 3, "height", "width")
            .Constant("weight", [Channels, 3, 2, 2], [.. weights])
            .Node("ConvTranspose", ["latent_sample", "weight"], output, ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
            .Save(File("vae_decoder", "model.onnx"));
    }

    public void WriteBackbone(
        float labelWeight = 0, bool learnedVariance = false, OnnxType type = OnnxType.F32, OnnxType timestepType = OnnxType.I64,
        OnnxType labelType = OnnxType.I64, object? batch = null, int? declaredChannels = null)
    {
        int outputs = learnedVariance ? 2 * Channels : Channels;
        batch ??= "batch";
        var graph = new OnnxGraph()
            .Input("hidden_states", type, batch, Channels, LatentSize, LatentSize)
            .Input("timestep", timestepType, batch)
            .Input("class_labels", labelType, batch)
            .Output("noise_pred", type, batch, declaredChannels ?? outputs, LatentSize, LatentSize)
            .Constant("half", [1], 0.5f)
            .Constant("rate", [1], 0.0005f)
            .Constant("label_weight", [1], labelWeight)
            .Constant("column", [4], -1, 1, 1, 1)
            .Node("Cast", ["hidden_states"], "x", ("to", 1))
            .Node("Cast", ["timestep"], "t", ("to", 1))
            .Node("Cast", ["class_labels"], "label", ("to", 1))
            .Node("Mul", ["x", "half"], "xh")
            .Node("Mul", ["t", "rate"], "tr")
            .Node("Mul", ["label", "label_weight"], "lw")
            .Node("Add", ["tr", "lw"], "offset")
            .Node("Reshape", ["offset", "column"], "offsets")
            .Node("Add", ["xh", "offsets"], "eps");
        if (learnedVariance)
            graph.Node("Tanh", ["x"], "v").Node("Concat", ["eps", "v"], "both", ("axis", 1));
        graph.Node("Cast", [learnedVariance ? "both" : "eps"], "noise_pred", ("to", (int)type))
            .Save(File("transformer", "model.onnx"));
    }

    public void WriteTeacher(string input = "pixel_values", int classes = Classes)
    {
        var graph = new OnnxGraph()
            .Input(input, OnnxType.F32, "batch", 3, ImageSize, ImageSize)
            .Output("logits", OnnxType.F32, "batch", classes)
            .Constant("weight", [Pixels, classes], [.. Enumerable.Range(0, Pixels * classes).Select(i => ((i % classes) + 1f) / Pixels)])
            .Constant("bias", [classes], [.. Enumerable.Range(0, classes).Select(c => -(float)c)])
            .Node("Flatten", [input], "flat", ("axis", 1))
            .Node("Gemm", ["flat", "weight", "bias"], "logits");
        graph.Save(File("teacher", "model.onnx"));
    }

    public void WriteConfigurations(bool learnedVariance = false)
    {
        Write("model_index.json", """
            {"_class_name": "DiTPipeline", "id2label": {"0": "bag", "1": "coat", "2": "shoe"},
             "preprocess": {"image_size": 4, "fit": "pad", "pad_value": 7},
             "defaults": {"guidance_scale": 1.5, "num_inference_steps": 20}}
            """);
        string autoencoder = string.Create(CultureInfo.InvariantCulture, $$"""{"latent_channels": 4, "block_out_channels": [8, 16], "scaling_factor": {{ScalingFactor}}}""");
        Write("vae_encoder/config.json", autoencoder);
        Write("vae_decoder/config.json", autoencoder);
        Write("transformer/config.json", $$"""{"sample_size": 2, "in_channels": 4, "out_channels": {{(learnedVariance ? 8 : 4)}}, "num_embeds_ada_norm": 3}""");
        Write("scheduler/scheduler_config.json", """{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "set_alpha_to_one": true, "steps_offset": 0, "prediction_type": "epsilon", "clip_sample": false, "timestep_spacing": "leading"}""");
        Write("teacher/config.json", """{"id2label": {"0": "bag", "1": "coat", "2": "shoe"}}""");
        Write("teacher/preprocessor_config.json", """{"do_normalize": true, "size": {"height": 4, "width": 4}, "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 2]}""");
    }

    public void Dispose() => _folder.Dispose();
}
