namespace Ddoq.Imaging;

/// <summary>An array of a MATLAB file: numbers, text, a cell array or a struct array.</summary>
/// <param name="Name">The variable's name; empty inside another array.</param>
/// <param name="Dimensions">Its extents.</param>
internal sealed record MatArray(string Name, int[] Dimensions)
{
    /// <summary>The number of elements.</summary>
    public long Count => Dimensions.Aggregate(1L, (product, extent) => product * extent);

    /// <summary>The values of a numeric array, first dimension fastest; else empty.</summary>
    public double[] Numbers { get; init; } = [];

    /// <summary>The text of a character array; else null.</summary>
    public string? Text { get; init; }

    /// <summary>The values of each field of a struct array, element by element; else empty.</summary>
    public IReadOnlyDictionary<string, MatArray[]> Fields { get; init; } = new Dictionary<string, MatArray[]>();
}
