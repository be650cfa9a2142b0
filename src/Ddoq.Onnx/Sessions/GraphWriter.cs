using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime.Tensors;
using Buffer = System.Buffers.ArrayBufferWriter<byte>;

namespace Ddoq.Onnx.Sessions;

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
