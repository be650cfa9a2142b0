using Ddoq.Numerics;
using Ddoq.Onnx.Features;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Features;

/// <summary>Networks of a convolution whose features are known by loops in double precision.</summary>
public class FeatureNetworkTests
{
    private const int Side = 4, Half = 2, Features = 5, Rows = 7;
    private static readonly double[] s_mean = [0.5, 0.25, 0.125], s_deviation = [0.5, 0.25, 2];

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void MapsAndTokens_AreAveraged_WhetherOrNotTheFileNamesTheirSizes([Values("maps", "open maps", "tokens", "open tokens")] string kind)
    {
        Write(kind);
        using FeatureNetwork network = FeatureNetwork.Open(_folder.File("model.onnx"), Options);
        float[] images = Images(), found = new float[Rows * Features];
        network.Extract(images, Rows, found);
        Assert.That((network.FeatureCount, network.ImageSize, network.IsNormalised), Is.EqualTo((Features, Side, false)));
        Assert.That(found, Is.EqualTo(Enumerable.Range(0, Rows).SelectMany(row => Expected(images, row, normalised: false))).Within(1e-5));
    }

    [Test]
    public void APooledOutput_IsTakenBeforeOthers_AndImagesAreNormalisedAsTheFileBesideItSays()
    {
        Write("pooled");
        _folder.Write("preprocessor_config.json", """{"size": {"height": 4, "width": 4}, "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 2]}""");
        using FeatureNetwork network = FeatureNetwork.Open(_folder.File("model.onnx"), Options);
        float[] images = Images(), found = new float[Rows * Features];
        network.Extract(images, Rows, found);
        Assert.That((network.Output, network.IsNormalised), Is.EqualTo(("pooler_output", true)));
        Assert.That(found, Is.EqualTo(Enumerable.Range(0, Rows).SelectMany(row => Expected(images, row, normalised: true)).Select(value => 2 * value)).Within(1e-5));
    }

    [Test]
    public void ANetworkWithoutFeatures_IsRefused()
    {
        new OnnxGraph().Input("pixels", OnnxType.F32, "batch", 3, Side, Side).Output("flat", OnnxType.I64, "batch", 48)
            .Node("Flatten", ["pixels"], "wide", ("axis", 1)).Node("Cast", ["wide"], "flat", ("to", (int)OnnxType.I64)).Save(_folder.File("model.onnx"));
        Assert.That(() => FeatureNetwork.Open(_folder.File("model.onnx"), Options), Throws.InstanceOf<DdoqException>().With.Message.Contains("gives no features").And.Message.Contains("'flat'"));
    }

    private static OnnxSessionOptions Options => new() { Provider = ExecutionProvider.Cpu, Threads = 2, BatchSize = 3 };

    private static float Weight(int o, int i, int y, int x) => ((((o * 7) + (i * 3) + (y * 2) + x) % 5) - 2) / 8f;

    private static float[] Images()
    {
        var random = new CounterRandom(7, 1);
        return [.. Enumerable.Range(0, Rows * 3 * Side * Side).Select(_ => (float)random.NextDouble())];
    }

    // The mean over the four positions of a convolution of 2 x 2 and stride 2.
    private static double[] Expected(float[] images, int row, bool normalised)
    {
        var features = new double[Features];
        for (int o = 0; o < Features; o++)
        {
            for (int p = 0; p < 3 * Side * Side; p++)
            {
                int i = p / 16, y = p / Side % Side, x = p % Side;
                double value = images[(row * 48) + p];
                features[o] += (normalised ? (value - s_mean[i]) / s_deviation[i] : value) * Weight(o, i, y % 2, x % 2) / 4;
            }
        }

        return features;
    }

    private void Write(string kind)
    {
        var weights = new List<float>();
        for (int tap = 0; tap < Features * 12; tap++)
            weights.Add(Weight(tap / 12, tap / 4 % 3, tap / 2 % 2, tap % 2));
        var graph = new OnnxGraph().Input("pixels", OnnxType.F32, "batch", 3, Side, Side).Constant("weight", [Features, 3, 2, 2], [.. weights]);
        bool open = kind.StartsWith("open", StringComparison.Ordinal), tokens = kind.EndsWith("tokens", StringComparison.Ordinal);
        object h = open ? "h" : Half, t = open ? "t" : Half * Half;
        graph.Node("Conv", ["pixels", "weight"], tokens ? "convolved" : "maps", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }));
        if (tokens)
        {
            graph.Output("last_hidden_state", OnnxType.F32, "batch", t, Features)
                .Constant("shape", [3], 0, Features, -1)
                .Node("Cast", ["shape"], "sizes", ("to", (int)OnnxType.I64))
                .Node("Reshape", ["convolved", "sizes"], "columns")
                .Node("Transpose", ["columns"], "last_hidden_state", ("perm", new[] { 0, 2, 1 }));
        }
        else
        {
            graph.Output("maps", OnnxType.F32, "batch", Features, h, h);
        }

        if (kind == "pooled")
        {
            // Twice the mean, so that it is told from the mean of the maps.
            graph.Output("other", OnnxType.F32, "batch", Features).Output("pooler_output", OnnxType.F32, "batch", Features)
                .Constant("two", [1], 2f)
                .Node("GlobalAveragePool", ["maps"], "averaged")
                .Node("Flatten", ["averaged"], "other", ("axis", 1))
                .Node("Mul", ["other", "two"], "pooler_output");
        }

        graph.Save(_folder.File("model.onnx"));
    }
}
