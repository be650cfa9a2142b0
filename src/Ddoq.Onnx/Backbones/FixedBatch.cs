namespace Ddoq.Onnx.Backbones;

/// <summary>Rows per batch for networks that may have been exported with a fixed batch.</summary>
internal static class FixedBatch
{
    /// <exception cref="DdoqException">The fixed batch is odd and guidance needs pairs.</exception>
    public static int Fit(string path, int? fixedRows, bool guided, int wanted)
    {
        if (fixedRows is not { } rows)
            return wanted;
        if (guided && rows % 2 != 0)
            throw new DdoqException($"{path} was exported with a fixed batch of {rows}; guidance needs an even one", "export it with a free batch dimension, or use guidance scale 1");
        return guided ? rows / 2 : rows;
    }
}
