using System.Runtime.InteropServices;

namespace Ddoq.Onnx.Tests.OnnxFiles;

/// <summary>Element types by their number in the ONNX format.</summary>
public enum OnnxType
{
    F32 = 1,
    I32 = 6,
    I64 = 7,
    F16 = 10,
    F64 = 11,
}

/// <summary>Builds a small ONNX file (opset 16) field by field from the published format.</summary>
internal sealed class OnnxGraph
{
    private readonly List<Action<ProtobufWriter>> _fields = [];

    /// <summary>Adds an input; sizes are numbers, or names for free dimensions.</summary>
    public OnnxGraph Input(string name, OnnxType type, params object[] shape) => Value(11, name, type, shape);

    public OnnxGraph Output(string name, OnnxType type, params object[] shape) => Value(12, name, type, shape);

    public OnnxGraph Constant(string name, long[] shape, params float[] values) =>
        Tensor(name, OnnxType.F32, shape, MemoryMarshal.AsBytes<float>(values).ToArray());

    public OnnxGraph Constant(string name, long[] shape, params long[] values) =>
        Tensor(name, OnnxType.I64, shape, MemoryMarshal.AsBytes<long>(values).ToArray());

    /// <summary>Adds a constant whose values lie in another file.</summary>
    public OnnxGraph ExternalConstant(string name, long[] shape, string file, long length)
    {
        _fields.Add(graph => graph.Message(5, tensor =>
        {
            foreach (long size in shape)
                tensor.Integer(1, size);
            tensor.Integer(2, (long)OnnxType.F32);
            tensor.Text(8, name);
            foreach ((string key, string value) in new[] { ("location", file), ("offset", "0"), ("length", $"{length}") })
            {
                tensor.Message(13, entry =>
                {
                    entry.Text(1, key);
                    entry.Text(2, value);
                });
            }

            tensor.Integer(14, 1);
        }));
        return this;
    }

    /// <summary>Adds a node; attributes are whole numbers or lists of them.</summary>
    public OnnxGraph Node(string operation, string[] inputs, string output, params (string Name, object Value)[] attributes)
    {
        _fields.Add(graph => graph.Message(1, node =>
        {
            foreach (string input in inputs)
                node.Text(1, input);
            node.Text(2, output);
            node.Text(4, operation);
            foreach ((string name, object value) in attributes)
            {
                node.Message(5, attribute =>
                {
                    attribute.Text(1, name);
                    if (value is int number)
                    {
                        attribute.Integer(3, number);
                        attribute.Integer(20, 2);
                    }
                    else
                    {
                        foreach (int item in (int[])value)
                            attribute.Integer(8, item);
                        attribute.Integer(20, 7);
                    }
                });
            }
        }));
        return this;
    }

    public void Save(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var model = new ProtobufWriter();
        model.Integer(1, 8);
        model.Message(7, graph =>
        {
            foreach (Action<ProtobufWriter> field in _fields)
                field(graph);
            graph.Text(2, "test");
        });
        model.Message(8, opset => opset.Integer(2, 16));
        File.WriteAllBytes(path, model.ToArray());
    }

    private OnnxGraph Value(int field, string name, OnnxType type, object[] shape)
    {
        _fields.Add(graph => graph.Message(field, value =>
        {
            value.Text(1, name);
            value.Message(2, kind => kind.Message(1, tensor =>
            {
                tensor.Integer(1, (long)type);
                tensor.Message(2, sizes =>
                {
                    foreach (object size in shape)
                    {
                        sizes.Message(1, dimension =>
                        {
                            if (size is int number)
                                dimension.Integer(1, number);
                            else
                                dimension.Text(2, (string)size);
                        });
                    }
                });
            }));
        }));
        return this;
    }

    private OnnxGraph Tensor(string name, OnnxType type, long[] shape, byte[] raw)
    {
        _fields.Add(graph => graph.Message(5, tensor =>
        {
            foreach (long size in shape)
                tensor.Integer(1, size);
            tensor.Integer(2, (long)type);
            tensor.Text(8, name);
            tensor.Bytes(9, raw);
        }));
        return this;
    }
}
