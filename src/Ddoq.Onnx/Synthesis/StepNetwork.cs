using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Microsoft.ML.OnnxRuntime.Tensors;
using Buffer = System.Buffers.ArrayBufferWriter<byte>;

namespace Ddoq.Onnx.Synthesis;

/// <summary>
/// Guidance and one step of a sampler as a network of a few operators, so that they run where the diffusion network runs and
/// latents need not leave the device between calls.
/// </summary>
/// <remarks>
/// <c>guided = u + g (c - u)</c>; <c>next = sum of coefficient * term</c>; <c>input = scale * next</c>, once or twice (guided). The
/// coefficients are an input, so one network serves all steps of a run (<see cref="LinearSchedule"/>).
/// </remarks>
internal sealed class StepNetwork : IDisposable
{
    public const string RawName = "prediction", NoiseName = "noise", CoefficientsName = "coefficients";
    public const string GuidedName = "guided", NextName = "next_sample", InputName = "next_input";

    private readonly float[][] _coefficients;

    private StepNetwork(OnnxSession session, LinearSchedule schedule, bool hasNoise)
    {
        Session = session;
        Reach = schedule.Reach;
        HasNoise = hasNoise;
        InputScales = schedule.InputScales;
        _coefficients = [.. Enumerable.Range(0, schedule.Steps.Count).Select(call => Coefficients(schedule, call))];
    }

    /// <summary>The network.</summary>
    public OnnxSession Session { get; }

    /// <summary>How many calls back a step reaches: it takes as many older samples and predictions.</summary>
    public int Reach { get; }

    /// <summary>Whether a step of the run draws noise.</summary>
    public bool HasNoise { get; }

    /// <summary>What the sample is multiplied by before each call.</summary>
    public IReadOnlyList<float> InputScales { get; }

    /// <summary>Coefficients of one step, as the network takes them.</summary>
    public ReadOnlySpan<float> CoefficientsOf(int call) => _coefficients[call];

    /// <summary>Name of the sample that is so many calls old.</summary>
    public static string SampleName(int age) => $"sample_{age}";

    /// <summary>Name of the guided prediction that is so many calls old, from 1.</summary>
    public static string OlderName(int age) => $"prediction_{age}";

    /// <summary>Writes and opens the network for a run.</summary>
    /// <param name="tensors">The diffusion network, whose provider and device are taken.</param>
    /// <param name="schedule">The run.</param>
    /// <param name="batchSize">Rows, before guidance doubles them.</param>
    /// <param name="guidance">Guidance scale; 1 means that calls hold conditional rows only.</param>
    /// <param name="guidedChannels">Channels that guidance acts on, from the first.</param>
    public static StepNetwork Open(BackboneTensors tensors, LinearSchedule schedule, int batchSize, float guidance, int guidedChannels)
    {
        bool hasNoise = schedule.Steps.SelectMany(terms => terms).Any(term => term.Quantity == LinearQuantity.Noise);
        byte[] network = Write(tensors, schedule.Reach, hasNoise, batchSize, guidance, guidedChannels);
        return new StepNetwork(OnnxSession.OpenGenerated(network, "the sampler's step", tensors.Session), schedule, hasNoise);
    }

    public void Dispose() => Session.Dispose();

    private static byte[] Write(BackboneTensors tensors, int reach, bool hasNoise, int batchSize, float guidance, int guidedChannels)
    {
        bool isGuided = guidance != 1;
        int rows = isGuided ? 2 * batchSize : batchSize, channels = tensors.Shape.Channels;
        long[] shape = tensors.LatentsShape(batchSize);
        var graph = new GraphWriter();
        graph.Input(RawName, tensors.Prediction.Element, tensors.PredictionShape(rows));
        for (int age = 0; age <= reach; age++)
            graph.Input(SampleName(age), TensorElementType.Float, shape);
        for (int age = 1; age <= reach; age++)
            graph.Input(OlderName(age), TensorElementType.Float, shape);
        if (hasNoise)
            graph.Input(NoiseName, TensorElementType.Float, shape);
        graph.Input(CoefficientsName, TensorElementType.Float, Length(reach, hasNoise));
        graph.Output(GuidedName, TensorElementType.Float, shape);
        graph.Output(NextName, TensorElementType.Float, shape);
        graph.Output(InputName, tensors.Latents.Element, tensors.LatentsShape(rows));

        // Guidance, on the noise alone: a predicted variance is of no use to a linear step.
        string noise = graph.Node("wide", "Cast", [RawName], ("to", (long)TensorElementType.Float));
        string start = graph.Constant("start", [1], 0L), channelAxis = graph.Constant("axis_1", [1], 1L), rowAxis = graph.Constant("axis_0", [1], 0L);
        if (tensors.OutputChannels > channels)
            noise = graph.Node("noise_channels", "Slice", [noise, start, graph.Constant("channels", [1], (long)channels), channelAxis]);
        if (isGuided)
        {
            string middle = graph.Constant("middle", [1], (long)batchSize), end = graph.Constant("end", [1], (long)rows);
            string first = graph.Node("first_rows", "Slice", [noise, start, middle, rowAxis]), second = graph.Node("second_rows", "Slice", [noise, middle, end, rowAxis]);
            (string conditional, string unconditional) = tensors.ConditionalFirst ? (first, second) : (second, first);
            float[] scales = [.. Enumerable.Range(0, channels).Select(c => c < guidedChannels ? guidance : 1)];
            string gain = graph.Node("gain", "Mul", [graph.Node("direction", "Sub", [conditional, unconditional]), graph.Constant("guidance", [1, channels, 1, 1], scales)]);
            graph.Node(GuidedName, "Add", [unconditional, gain]);
        }
        else
        {
            graph.Node(GuidedName, "Identity", [noise]);
        }

        string[] terms =
        [
            .. Enumerable.Range(0, reach + 1).Select(SampleName),
            GuidedName,
            .. Enumerable.Range(1, reach).Select(OlderName),
            .. hasNoise ? [NoiseName] : Array.Empty<string>(),
        ];
        string? sum = null;
        for (int i = 0; i < terms.Length; i++)
        {
            string term = graph.Node($"term_{i}", "Mul", [terms[i], Coefficient(graph, i + 1)]);
            sum = sum is null ? term : graph.Node(i == terms.Length - 1 ? NextName : $"sum_{i}", "Add", [sum, term]);
        }

        string input = graph.Node("scaled", "Mul", [NextName, Coefficient(graph, 0)]);
        if (isGuided)
            input = graph.Node("twice", "Concat", [input, input], ("axis", 0));
        graph.Node(InputName, "Cast", [input], ("to", (long)tensors.Latents.Element));
        return graph.ToArray();
    }

    private static string Coefficient(GraphWriter graph, int index) =>
        graph.Node($"coefficient_{index}", "Gather", [CoefficientsName, graph.Constant($"index_{index}", [], (long)index)]);

    // The scale of the next input, samples by age, predictions by age, noise.
    private static int Length(int reach, bool hasNoise) => 1 + (2 * (reach + 1)) + (hasNoise ? 1 : 0);

    private float[] Coefficients(LinearSchedule schedule, int call)
    {
        var values = new float[Length(Reach, HasNoise)];
        values[0] = call + 1 < schedule.InputScales.Count ? schedule.InputScales[call + 1] : 1;
        foreach (LinearTerm term in schedule.Steps[call])
        {
            int age = call - term.Call;
            values[term.Quantity switch
            {
                LinearQuantity.Sample => 1 + age,
                LinearQuantity.Prediction => 2 + Reach + age,
                _ => values.Length - 1,
            }] = term.Coefficient;
        }

        return values;
    }
}

/// <summary>Writes a small ONNX network (opset 16), for arithmetic that is to run where the other networks run.</summary>
/// <remarks>Field numbers are those of the published format, onnx.proto3.</remarks>
internal sealed class GraphWriter
{
    private const int IrVersion = 8, Opset = 16;

    private readonly Buffer _graph = new();

    /// <summary>Adds an input of fixed sizes.</summary>
    public void Input(string name, TensorElementType type, params ReadOnlySpan<long> shape) => Write(_graph, 11, ValueInfo(name, type, shape));

    /// <summary>Adds an output of fixed sizes.</summary>
    public void Output(string name, TensorElementType type, params ReadOnlySpan<long> shape) => Write(_graph, 12, ValueInfo(name, type, shape));

    /// <summary>Adds a constant.</summary>
    public string Constant(string name, ReadOnlySpan<long> shape, params ReadOnlySpan<float> values)
    {
        Tensor(name, TensorElementType.Float, shape, MemoryMarshal.AsBytes(values));
        return name;
    }

    /// <summary>Adds a constant of whole numbers.</summary>
    public string Constant(string name, ReadOnlySpan<long> shape, params ReadOnlySpan<long> values)
    {
        Tensor(name, TensorElementType.Int64, shape, MemoryMarshal.AsBytes(values));
        return name;
    }

    /// <summary>Adds a node with one output, which has the node's name.</summary>
    /// <param name="name">Name of the output.</param>
    /// <param name="operation">The operator.</param>
    /// <param name="inputs">Names of the inputs.</param>
    /// <param name="attribute">A whole-number attribute, where the operator needs one.</param>
    public string Node(string name, string operation, string[] inputs, (string Name, long Value)? attribute = null)
    {
        var node = new Buffer();
        foreach (string input in inputs)
            Write(node, 1, input);
        Write(node, 2, name);
        Write(node, 4, operation);
        if (attribute is { } given)
        {
            var field = new Buffer();
            Write(field, 1, given.Name);
            Write(field, 3, given.Value);
            Write(field, 20, 2);
            Write(node, 5, field);
        }

        Write(_graph, 1, node);
        return name;
    }

    /// <summary>The file.</summary>
    public byte[] ToArray()
    {
        Write(_graph, 2, "ddoq");
        Buffer model = new(), opset = new();
        Write(model, 1, IrVersion);
        Write(model, 7, _graph);
        Write(opset, 2, Opset);
        Write(model, 8, opset);
        return model.WrittenSpan.ToArray();
    }

    private static Buffer ValueInfo(string name, TensorElementType type, ReadOnlySpan<long> shape)
    {
        Buffer info = new(), kind = new(), tensor = new(), sizes = new();
        foreach (long size in shape)
        {
            var dimension = new Buffer();
            Write(dimension, 1, size);
            Write(sizes, 1, dimension);
        }

        Write(tensor, 1, (long)type);
        Write(tensor, 2, sizes);
        Write(kind, 1, tensor);
        Write(info, 1, name);
        Write(info, 2, kind);
        return info;
    }

    private void Tensor(string name, TensorElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<byte> raw)
    {
        var tensor = new Buffer();
        foreach (long size in shape)
            Write(tensor, 1, size);
        Write(tensor, 2, (long)type);
        Write(tensor, 8, name);
        Write(tensor, 9, raw);
        Write(_graph, 5, tensor);
    }

    private static void Write(Buffer to, int field, long value)
    {
        Varint(to, (ulong)field << 3);
        Varint(to, (ulong)value);
    }

    private static void Write(Buffer to, int field, string text) => Write(to, field, Encoding.UTF8.GetBytes(text));

    private static void Write(Buffer to, int field, Buffer message) => Write(to, field, message.WrittenSpan);

    private static void Write(Buffer to, int field, ReadOnlySpan<byte> bytes)
    {
        Varint(to, ((ulong)field << 3) | 2);
        Varint(to, (ulong)bytes.Length);
        to.Write(bytes);
    }

    private static void Varint(Buffer to, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            to.Write([(byte)(value | 0x80)]);
        to.Write([(byte)value]);
    }
}
