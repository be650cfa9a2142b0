using System.Text.Json;
using Ddoq.Storage;
using Microsoft.Win32.SafeHandles;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Ddoq.Imaging;

/// <summary>What the footer of a Parquet file and its column of labels say.</summary>
/// <param name="Path">The file.</param>
/// <param name="FirstRows">The first row of each row group, and one past the last row of the file.</param>
/// <param name="ImageOffsets">The byte of the file at which each row group's images start.</param>
/// <param name="ImageBytes">The size of each row group's images, compressed as they are stored.</param>
/// <param name="Labels">The label of each row.</param>
/// <param name="ClassNames">The names of the labels where the file has them, else null.</param>
/// <param name="HasPaths">True when a cell may hold the path of a file instead of an image.</param>
internal sealed record ParquetShard(string Path, int[] FirstRows, long[] ImageOffsets, long[] ImageBytes, SampleLabel[] Labels, string[]? ClassNames, bool HasPaths)
{
    private const int BufferBytes = 1 << 16;

    private const string DamageHint = "the download was not finished, or the file is damaged: fetch it again";

    /// <summary>Reads footer and labels.</summary>
    /// <exception cref="DdoqException">Truncated, damaged, or without images and labels.</exception>
    public static ParquetShard Read(string path, CancellationToken cancellation = default) => Open(path, async (reader, features, columns, check) =>
    {
        var firstRows = new int[reader.RowGroupCount + 1];
        var imageOffsets = new long[reader.RowGroupCount];
        var imageBytes = new long[reader.RowGroupCount];
        var labels = new List<SampleLabel>();
        for (int group = 0; group < reader.RowGroupCount; group++)
        {
            cancellation.ThrowIfCancellationRequested();
            using ParquetRowGroupReader rows = reader.OpenRowGroupReader(group);
            if (rows.GetMetadata(columns.Image)?.MetaData is { } stored)
            {
                if (stored.NumValues != rows.RowCount || rows.GetMetadata(columns.Label)?.MetaData?.NumValues != rows.RowCount)
                    throw new DdoqException($"{path}: row group {group} claims {rows.RowCount} rows, its columns of images or labels have other numbers", DamageHint);
                imageOffsets[group] = ParquetClaims.Start(stored);
                imageBytes[group] = stored.TotalCompressedSize;
            }

            check(rows, columns.Label);
            firstRows[group + 1] = checked(firstRows[group] + (int)rows.RowCount);
            await AddLabels(rows, columns.Label, (int)rows.RowCount, labels).ConfigureAwait(false);
        }

        return new ParquetShard(path, firstRows, imageOffsets, imageBytes, [.. labels], features.ClassNames, columns.HasPaths);
    });

    /// <summary>The labels, for messages.</summary>
    public WrittenLabels Source => new(Labels, row => $"{Path} row {row}");

    /// <summary>A <see cref="ContentSample"/> of a row group's images.</summary>
    public byte[] SampleOf(int group)
    {
        using SafeFileHandle file = DataFile.OpenHandle(Path, FileOptions.RandomAccess);
        return ContentSample.Of(
            ImageBytes[group],
            (offset, target) =>
            {
                if (RandomAccess.Read(file, target, ImageOffsets[group] + offset) < target.Length)
                    throw new DdoqException($"{Path} is shorter than its footer says", DamageHint);
            },
            Math.Max(1, FirstRows[group + 1] - FirstRows[group]));
    }

    /// <summary>Decodes the images of a row group; null where a cell is empty.</summary>
    /// <exception cref="DdoqException">The row group is damaged.</exception>
    public byte[]?[] ReadImages(int group) => Open(Path, async (reader, _, columns, check) =>
    {
        using ParquetRowGroupReader rows = reader.OpenRowGroupReader(group);
        check(rows, columns.Image);
        return await Cells<byte, byte[]>(rows, columns.Image, (int)rows.RowCount, cell => cell.ToArray()).ConfigureAwait(false);
    });

    /// <summary>The row group that holds a row.</summary>
    public int GroupOf(int row)
    {
        int found = Array.BinarySearch(FirstRows, row);
        if (found < 0)
            return ~found - 1;

        // Of several groups that start here, all but the last are empty.
        while (found + 1 < FirstRows.Length && FirstRows[found + 1] == row)
            found++;
        return found;
    }

    // Reading gets, beside the open file, what holds a column of a row group against the file before it is read.
    private static TResult Open<TResult>(
        string path, Func<ParquetReader, HuggingFaceFeatures, ParquetColumns, Action<ParquetRowGroupReader, DataField>, Task<TResult>> read)
    {
        using FileStream file = DataFile.Open(path, BufferBytes);
        try
        {
            GitPointer.Refuse(file);
            ParquetClaims.CheckFooter(file);
            return OpenAsync(new WholeFile(file), path, (reader, features, columns) => read(reader, features, columns, Check)).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (DdoqException or OperationCanceledException))
        {
            // The package has no one exception for damage: a wrong byte may surface as any of the runtime's, a wrong size as a lack of memory.
            throw new DdoqException($"{path} is no Parquet file or damaged: {e.Message}", DamageHint, e);
        }

        void Check(ParquetRowGroupReader rows, DataField column)
        {
            if (rows.GetMetadata(column)?.MetaData is { } stored)
                ParquetClaims.CheckChunk(file, stored, rows.RowCount);
        }
    }

    private static async Task<TResult> OpenAsync<TResult>(
        WholeFile file, string path, Func<ParquetReader, HuggingFaceFeatures, ParquetColumns, Task<TResult>> read)
    {
        ParquetReader reader = await ParquetReader.CreateAsync(file, leaveStreamOpen: true).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            var features = HuggingFaceFeatures.Parse(reader.CustomMetadata.GetValueOrDefault(HuggingFaceFeatures.Key), path);
            return await read(reader, features, ParquetColumns.Find(reader.Schema, features, path)).ConfigureAwait(false);
        }
    }

    private static async Task AddLabels(ParquetRowGroupReader rows, DataField column, int count, List<SampleLabel> labels)
    {
        if (ParquetColumns.IsText(column))
        {
            string?[] names = await Cells<char, string>(rows, column, count, cell => cell.ToString()).ConfigureAwait(false);
            labels.AddRange(names.Select(name => new SampleLabel(long.MinValue, name)));
        }
        else
        {
            labels.AddRange(Type.GetTypeCode(column.ClrType) switch
            {
                TypeCode.Int64 => await Numbers<long>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.UInt64 => await Numbers<ulong>(rows, column, count, number => (long)Math.Min(number, long.MaxValue)).ConfigureAwait(false),
                TypeCode.UInt32 => await Numbers<uint>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.Int16 => await Numbers<short>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.UInt16 => await Numbers<ushort>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.SByte => await Numbers<sbyte>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.Byte => await Numbers<byte>(rows, column, count, number => number).ConfigureAwait(false),
                TypeCode.Boolean => await Numbers<bool>(rows, column, count, value => value ? 1 : 0).ConfigureAwait(false),
                _ => await Numbers<int>(rows, column, count, number => number).ConfigureAwait(false),
            });
        }
    }

    // Read with the levels that tell which rows are null: the package's reading into arrays leaves in those what its buffer held before.
    private static async Task<TCell?[]> Cells<TElement, TCell>(ParquetRowGroupReader rows, DataField column, int count, Func<ReadOnlyMemory<TElement>, TCell> make)
        where TElement : struct
        where TCell : class
    {
        using var raw = (RawColumnData<ReadOnlyMemory<TElement>>)await rows.ReadRawColumnDataBaseAsync(column).ConfigureAwait(false);
        var cells = new TCell?[count];
        ReadOnlySpan<ReadOnlyMemory<TElement>> values = raw.Values;
        ReadOnlySpan<int> levels = column.MaxDefinitionLevel == 0 ? [] : raw.DefinitionLevels;
        for (int row = 0, next = 0; row < count; row++)
        {
            if (levels.IsEmpty || levels[row] == column.MaxDefinitionLevel)
                cells[row] = make(values[next++]);
        }

        return cells;
    }

    private static async Task<IEnumerable<SampleLabel>> Numbers<T>(ParquetRowGroupReader rows, DataField column, int count, Func<T, long> widen)
        where T : struct
    {
        if (column.IsNullable)
        {
            var optional = new T?[count];
            await rows.ReadAsync<T>(column, optional.AsMemory()).ConfigureAwait(false);
            return optional.Select(number => new SampleLabel(number is { } value ? widen(value) : long.MinValue, null));
        }

        var numbers = new T[count];
        await rows.ReadAsync<T>(column, numbers.AsMemory()).ConfigureAwait(false);
        return numbers.Select(number => new SampleLabel(widen(number), null));
    }

    // The package takes the end of the file for zeros: a wrong count of a list would then be read to its end, for minutes.
    private sealed class WholeFile(FileStream file) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => file.Length;

        public override long Position { get => file.Position; set => file.Position = value; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer) => Some(file.Read(buffer), buffer.Length);

        public override int ReadByte() => Some(file.ReadByte() + 1, 1) - 1;

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Some(await file.ReadAsync(buffer, cancellationToken).ConfigureAwait(false), buffer.Length);

        public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
            // Nothing is written.
        }

        private static int Some(int got, int asked) => got > 0 || asked == 0 ? got : throw new EndOfStreamException("the file ends within a part of it");
    }
}

/// <summary>The columns of images and labels in a Parquet file.</summary>
/// <param name="Image">Encoded images, binary.</param>
/// <param name="Label">Labels: whole numbers or texts.</param>
/// <param name="HasPaths">True when a field <c>path</c> stands beside the images.</param>
internal sealed record ParquetColumns(DataField Image, DataField Label, bool HasPaths)
{
    private static readonly TypeCode[] s_labelTypes =
    [
        TypeCode.Boolean, TypeCode.SByte, TypeCode.Byte, TypeCode.Int16, TypeCode.UInt16, TypeCode.Int32, TypeCode.UInt32, TypeCode.Int64, TypeCode.UInt64,
    ];

    private static readonly string[] s_imageNames = ["image", "img", "jpg", "png"];
    private static readonly string[] s_labelNames = ["label", "labels", "cls", "class"];

    /// <summary>Finds the columns: those that the features name, else by their usual names.</summary>
    /// <exception cref="DdoqException">One is not there, or of another type.</exception>
    public static ParquetColumns Find(ParquetSchema schema, HuggingFaceFeatures features, string path)
    {
        DataField[] fields = schema.GetDataFields();
        DataField? image = Named(features.Image, s_imageNames).SelectMany(name => new[] { $"{name}/bytes", name })
            .Select(name => fields.FirstOrDefault(field => field.Path.ToString() == name && field.ClrType == typeof(ReadOnlyMemory<byte>)))
            .FirstOrDefault(field => field is not null);
        DataField? label = Named(features.Label, s_labelNames)
            .Select(name => fields.FirstOrDefault(field => field.Path.ToString() == name && !field.IsArray && (s_labelTypes.Contains(Type.GetTypeCode(field.ClrType)) || IsText(field))))
            .FirstOrDefault(field => field is not null);
        return image is not null && label is not null && !image.IsArray
            ? new ParquetColumns(image, label, image.Path.ToString() is var path1 && path1.EndsWith("/bytes", StringComparison.Ordinal) && fields.Any(field => field.Path.ToString() == path1[..^5] + "path"))
            : throw new DdoqException(
                $"{path} has no column of {(image is null ? "images" : "labels")}; its columns are {string.Join(", ", fields.Select(field => $"{field.Path} ({TypeOf(field)})"))}",
                "needed are image (binary, or a struct with a field bytes) and label (whole numbers, true and false, or text), as Hugging Face's datasets writes them");
    }

    /// <summary>True for a column of texts.</summary>
    public static bool IsText(DataField field) => field.ClrType == typeof(ReadOnlyMemory<char>);

    private static string TypeOf(DataField field) =>
        IsText(field) ? "text" : field.ClrType == typeof(ReadOnlyMemory<byte>) ? "binary" : field.ClrType.Name;

    private static string[] Named(string? given, string[] usual) => given is null ? usual : [given];
}

/// <summary>What the library <c>datasets</c> writes of a table's columns into the file's metadata, under the key <c>huggingface</c>.</summary>
/// <param name="Image">The column of images, or null.</param>
/// <param name="Label">The column of labels, or null.</param>
/// <param name="ClassNames">The names of the labels, or null.</param>
internal sealed record HuggingFaceFeatures(string? Image, string? Label, string[]? ClassNames)
{
    /// <summary>The metadata's key.</summary>
    public const string Key = "huggingface";

    /// <summary>Reads the description; all unknown when there is none.</summary>
    /// <exception cref="DdoqException">It is there but no such JSON.</exception>
    public static HuggingFaceFeatures Parse(string? json, string path)
    {
        var found = new HuggingFaceFeatures(null, null, null);
        if (json is null)
            return found;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (!document.RootElement.TryGetProperty("info", out JsonElement info) || !info.TryGetProperty("features", out JsonElement features))
                return found;
            foreach (JsonProperty feature in features.EnumerateObject())
            {
                string? type = feature.Value.ValueKind == JsonValueKind.Object && feature.Value.TryGetProperty("_type", out JsonElement name) ? name.GetString() : null;
                if (type == "Image" && found.Image is null)
                    found = found with { Image = feature.Name };
                else if (type == "ClassLabel" && found.Label is null)
                    found = found with { Label = feature.Name, ClassNames = [.. feature.Value.GetProperty("names").EnumerateArray().Select(label => label.GetString()!)] };
            }

            return found;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new DdoqException($"{path}: the metadata '{Key}' is not what the library datasets writes: {e.Message}", "write the file anew", e);
        }
    }
}
