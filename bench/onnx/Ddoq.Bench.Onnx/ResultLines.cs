using System.Globalization;
using System.Text;

namespace Ddoq.Bench.Onnx;

/// <summary>One JSON object a line, on the disk before the next measurement begins, so that a run that is cut off keeps what it took.</summary>
internal sealed class ResultLines : IDisposable
{
    private readonly FileStream _file;
    private readonly string _provider;

    public ResultLines(string path, string provider)
    {
        _provider = provider.ToLowerInvariant();
        try
        {
            _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"{path} cannot be written: {exception.Message}", "give another --output", exception);
        }
    }

    /// <summary>Writes a line.</summary>
    /// <param name="stage"><c>encode</c>, <c>synthesize</c> or <c>decode</c>.</param>
    /// <param name="values">Numbers by name.</param>
    /// <param name="text">What ran it, or what was wrong.</param>
    public void Write(string stage, (string Name, double Value)[] values, string text = "")
    {
        var line = new StringBuilder($"{{\"provider\":\"{_provider}\",\"stage\":\"{stage}\"");
        foreach ((string name, double value) in values)
            line.Append(CultureInfo.InvariantCulture, $",\"{name}\":{(double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : "null")}");
        if (text.Length > 0)
            line.Append(CultureInfo.InvariantCulture, $",\"text\":\"{System.Text.Encodings.Web.JavaScriptEncoder.Default.Encode(text)}\"");
        line.Append("}\n");
        _file.Write(Encoding.UTF8.GetBytes(line.ToString()));
        _file.Flush(flushToDisk: true);
        Console.Out.Write(line);
    }

    public void Dispose() => _file.Dispose();
}
