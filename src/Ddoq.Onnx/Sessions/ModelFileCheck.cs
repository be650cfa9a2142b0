using Ddoq.Storage;

namespace Ddoq.Onnx.Sessions;

/// <summary>What can be said about a network's file before the runtime reads it.</summary>
internal static class ModelFileCheck
{
    /// <summary>Refuses what is plainly not a network.</summary>
    /// <exception cref="DdoqException">The file is missing, empty, unreadable, or a pointer to a large file that was not fetched.</exception>
    public static void Verify(string path)
    {
        if (!File.Exists(path))
            throw new DdoqException($"{path} is missing", "give a folder whose networks were exported to ONNX");
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (stream.Length == 0)
                throw new DdoqException($"{path} is empty", "copy or export the network again");
            GitPointer.Refuse(stream);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"{path} cannot be read: {exception.Message}", innerException: exception);
        }
    }

    /// <summary>Words an error of the runtime while it reads a file.</summary>
    public static DdoqException Explain(string path, Exception cause)
    {
        string text = cause.Message;
        string? hint = null;
        if (text.Contains("INVALID_PROTOBUF", StringComparison.OrdinalIgnoreCase) || text.Contains("Protobuf parsing failed", StringComparison.Ordinal))
            return new DdoqException($"{path} is not an ONNX network, or it is damaged", "copy or export the network again", cause);
        if (text.Contains("external", StringComparison.OrdinalIgnoreCase) || text.Contains(".onnx_data", StringComparison.OrdinalIgnoreCase) || text.Contains(".onnx.data", StringComparison.OrdinalIgnoreCase))
            hint = "the weights lie in a second file (often model.onnx_data) that must be complete and stand beside the network";
        else if (text.Contains("opset", StringComparison.OrdinalIgnoreCase))
            hint = "export the network again with an opset this ONNX Runtime knows";
        return new DdoqException($"{path} cannot be loaded: {ProviderSelection.FirstLine(text)}", hint ?? "export the network again", cause);
    }
}
