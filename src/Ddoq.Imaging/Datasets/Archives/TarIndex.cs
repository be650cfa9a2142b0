using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Storage;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Imaging;

/// <summary>A file in a tar archive and where its bytes are.</summary>
/// <param name="Name">Its path in the archive, without a leading <c>./</c>.</param>
/// <param name="Offset">The byte of the archive at which its contents start.</param>
/// <param name="Length">Bytes of its contents.</param>
internal readonly record struct TarMember(string Name, long Offset, int Length);

/// <summary>Finds the files in a tar archive without reading them: a header of 512 bytes each.</summary>
/// <remarks>
/// Everything up to the end of the file is accounted for, since whoever drops the rest of a damaged archive drops images: a
/// header that is zeros or whose checksum is wrong, a missing end mark and data behind it are errors with their place.
/// Folders are passed over, and counted are names that start with a dot (among them the <c>._</c> files that macOS adds), folders of
/// the system, and what is no regular file. The archive must be plain: in a compressed one nothing has a place.
/// </remarks>
internal static class TarIndex
{
    private const string Hint = "the download or copy was not finished, or the file is damaged: fetch it again";

    // A label is a number or a name, perhaps with what else is known of an image.
    private const int LargestLabel = 1 << 20;

    /// <summary>The names of the archives in a folder (<c>*.tar</c>), in order; none when it is not there.</summary>
    public static string[] ArchivesIn(string folder)
    {
        if (!Directory.Exists(folder))
            return [];
        string[] names = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path))];
        Array.Sort(names, CodePointOrder.Instance);
        return [.. names.Where(name => !name.StartsWith('.') && name.EndsWith(".tar", StringComparison.OrdinalIgnoreCase))];
    }

    /// <summary>The files of an archive in its order.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="remarks">Counts what is passed over; null counts nothing.</param>
    /// <param name="cancellation">Stops the loop.</param>
    /// <exception cref="DdoqException">Thrown by the loop: truncated, damaged, no archive, or it cannot be read.</exception>
    public static IEnumerable<TarMember> Members(string path, RemarkCounter? remarks = null, CancellationToken cancellation = default)
    {
        using SafeFileHandle file = DataFile.OpenHandle(path);
        var walk = new Walk(file, path, remarks, cancellation);
        while (walk.Next() is { } member)
            yield return member;
    }

    /// <summary>The contents of a small member, such as a label.</summary>
    /// <exception cref="DdoqException">It is not small, or cannot be read.</exception>
    public static byte[] ReadSmall(FileHandlePool files, string path, TarMember member)
    {
        if (member.Length > LargestLabel)
            throw new DdoqException($"{path}: {member.Name} has {member.Length} bytes, no label is larger than {LargestLabel}", "pack one label with each image");
        byte[] content = new byte[member.Length];
        return files.Read(path, member.Offset, content)
            ? content
            : throw new DdoqException($"{path} is truncated in {member.Name}", Hint);
    }

    private sealed class Walk(SafeFileHandle file, string path, RemarkCounter? remarks, CancellationToken cancellation)
    {
        // Enough for a header and the small file behind it, such as a label, with the next header.
        private const int WindowBytes = 4096;

        // Names and times; nobody's path is longer.
        private const int LargestExtension = 1 << 20;

        private readonly long _length = RandomAccess.GetLength(file);
        private readonly byte[] _window = new byte[WindowBytes];
        private long _windowAt;
        private int _windowLength;
        private long _position;
        private string _last = "";

        // What an extended header in front of a member says of it.
        private string? _name;
        private long? _size;

        public TarMember? Next()
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                long at = _position;
                var header = new TarHeader(Block(at));
                if (header.IsZero)
                {
                    RequireEnd(at);
                    return null;
                }

                if (!header.HasRightChecksum)
                    throw NoHeader(at);
                if (!header.TrySize(out long size))
                    throw new DdoqException($"{path}, byte {at}: the header {Behind} has no size", Hint);
                if (Take(header, at, size) is { } member)
                    return member;
            }
        }

        private string Behind => _last.Length == 0 ? "at the archive's start" : $"behind {_last}";

        /// <summary>Takes in one header and moves behind its member; null when that is no file to give out.</summary>
        private TarMember? Take(TarHeader header, long at, long size)
        {
            long start = at + TarHeader.Bytes;
            byte type = header.Type;
            if (type is (byte)'x' or (byte)'g' or (byte)'L' or (byte)'K')
            {
                Extend(type, at, start, size);
                _position = start + Filled(size);
                return null;
            }

            string name = _name ?? header.Name;
            size = _size ?? size;
            (_name, _size) = (null, null);
            name = name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
            bool isFile = type is 0 or (byte)'0' or (byte)'7';
            string? passed = FileKinds.OfMemberPath(name);
            _last = name;
            if (!isFile)
            {
                PassOver(type, at, name, header);
                _position = start;
                return null;
            }

            RequireInside(name, start, size);
            _position = start + Filled(size);

            // Old archives have no type for folders.
            if (name.EndsWith('/'))
                return null;
            if (passed is not null)
            {
                remarks?.Add(passed, $"{Path.GetFileName(path)}:{name}");
                return null;
            }

            return size <= Array.MaxLength
                ? new TarMember(name, start, (int)size)
                : throw new DdoqException($"{path}: {name} has {size} bytes, no image is that large", "check what the archive holds");
        }

        private void PassOver(byte type, long at, string name, TarHeader header)
        {
            switch (type)
            {
                case (byte)'1' or (byte)'2':
                    throw new DdoqException($"{path}: {name} is a link to {header.LinkName}", "pack the archive with tar --dereference --hard-dereference");
                case (byte)'S':
                    throw Sparse(name);
                case (byte)'3' or (byte)'4' or (byte)'6':
                    remarks?.Add("pipes and devices, which are no regular files", $"{Path.GetFileName(path)}:{name}");
                    break;
                case (byte)'5' or (byte)'V':
                    break;
                default:
                    throw new DdoqException(
                        $"{path}, byte {at}: {name} is of the kind {Printable(type)}, which is not read",
                        "pack the images anew as a plain archive: tar --format=pax -cf");
            }
        }

        private void Extend(byte type, long at, long start, long size)
        {
            if (size > LargestExtension)
                throw new DdoqException($"{path}, byte {at}: the extended header {Behind} claims {size} bytes, {LargestExtension} are allowed", Hint);
            RequireInside("an extended header", start, size);
            byte[] content = new byte[(int)size];
            Read(start, content);
            if (type == (byte)'L')
                _name = TarHeader.Text(content);
            if (type is not ((byte)'x' or (byte)'g'))
                return;

            Dictionary<string, string> records = TarHeader.PaxRecords(content)
                ?? throw new DdoqException($"{path}, byte {start}: the extended header {Behind} is damaged", Hint);
            if (records.Keys.FirstOrDefault(key => key.StartsWith("GNU.sparse.", StringComparison.Ordinal)) is not null)
                throw Sparse(records.GetValueOrDefault("GNU.sparse.name") ?? records.GetValueOrDefault("path") ?? $"the file {Behind}");
            if (type == (byte)'g')
                return;
            _name = records.GetValueOrDefault("path") ?? _name;
            if (records.TryGetValue("size", out string? text))
            {
                _size = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    ? number
                    : throw new DdoqException($"{path}, byte {start}: the size '{text}' is no number", Hint);
            }
        }

        private DdoqException Sparse(string name) => new(
            $"{path}: {name} is stored sparse, with its zeros left out, so it is in no one place", "pack the archive anew without tar's option --sparse");

        /// <summary>The end of an archive is two blocks of zeros and, up to the end of the file, nothing but zeros.</summary>
        private void RequireEnd(long at)
        {
            if (at + 2 * TarHeader.Bytes > _length)
                throw new DdoqException($"{path} is truncated in its end mark: two blocks of zeros belong to byte {at}, the file has {_length} bytes", Hint);
            byte[] rest = new byte[1 << 16];
            for (long offset = at; offset < _length;)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> part = rest.AsSpan(0, (int)Math.Min(rest.Length, _length - offset));
                Read(offset, part);
                int data = part.IndexOfAnyExcept((byte)0);
                if (data >= 0)
                {
                    throw new DdoqException(
                        $"{path}, byte {at}: zeros in place of a header {Behind}, but there is data from byte {offset + data} on",
                        "a part of the file was lost: fetch it again; if archives were joined end to end, join them by tar --concatenate instead");
                }

                offset += part.Length;
            }
        }

        private DdoqException NoHeader(long at)
        {
            ReadOnlySpan<byte> start = Block(at);
            if (at > 0)
                return new DdoqException($"{path}, byte {at}: the checksum of the header {Behind} is wrong", Hint);
            GitPointer.Refuse(start, path);
            string? compression = start switch
            {
                [0x1F, 0x8B, ..] => "gzip",
                [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd",
                [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', ..] => "xz",
                [(byte)'B', (byte)'Z', (byte)'h', ..] => "bzip2",
                _ => null,
            };
            return compression is null
                ? new DdoqException($"{path} is no tar archive: the checksum of its first header, at byte 0, is wrong", Hint)
                : new DdoqException($"{path} is compressed by {compression}; in a compressed archive no image has a place", "decompress it first, the images in it do not become smaller by it");
        }

        private void RequireInside(string name, long start, long size)
        {
            if (size > _length - start)
                throw new DdoqException($"{path} is truncated: {name} needs {size} bytes from byte {start} on, the file has {_length}", Hint);
        }

        private ReadOnlySpan<byte> Block(long at)
        {
            if (at + TarHeader.Bytes > _length)
            {
                if (at == 0)
                {
                    Read(0, _window.AsSpan(0, (int)_length));
                    GitPointer.Refuse(_window.AsSpan(0, (int)_length), path);
                }

                throw at == _length
                    ? new DdoqException($"{path} has no end mark: it ends {Behind} at byte {at}, where two blocks of zeros or the next header belong", Hint)
                    : new DdoqException($"{path} is truncated {Behind}: a header belongs to byte {at}, the file has {_length} bytes", Hint);
            }

            if (at < _windowAt || at + TarHeader.Bytes > _windowAt + _windowLength)
            {
                _windowAt = at;
                _windowLength = (int)Math.Min(WindowBytes, _length - at);
                Read(at, _window.AsSpan(0, _windowLength));
            }

            return _window.AsSpan((int)(at - _windowAt), TarHeader.Bytes);
        }

        private void Read(long offset, Span<byte> target)
        {
            try
            {
                while (target.Length > 0)
                {
                    int got = RandomAccess.Read(file, target, offset);
                    if (got == 0)
                        throw new DdoqException($"{path} became shorter while it was read", "do not change the archives during a run");
                    offset += got;
                    target = target[got..];
                }
            }
            catch (IOException e)
            {
                throw new DdoqException($"{path} cannot be read at byte {offset}: {e.Message}", "check the disk or the network it is on", e);
            }
        }

        private static long Filled(long size) => checked(size + TarHeader.Bytes - 1) / TarHeader.Bytes * TarHeader.Bytes;

        private static string Printable(byte type) => type is > 32 and < 127 ? $"'{(char)type}'" : $"{type}";
    }
}
