using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>What a server told about a file. A field is <see langword="null"/> where it told nothing.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">POSIX type and permission bits.</param>
/// <param name="ModifiedUtc">Last change, to the second: version 3 has no finer clock.</param>
internal readonly record struct SftpAttributes(long? Size, uint? Mode, DateTime? ModifiedUtc)
{
    private const uint TypeBits = 0xF000;

    /// <summary>A server that tells no mode is taken to list files only.</summary>
    public bool IsRegular => Mode is not { } mode || (mode & TypeBits) is 0x8000 or 0;

    public bool IsFolder => Mode is { } mode && (mode & TypeBits) == 0x4000;

    /// <summary>The attributes of an opened or followed file as a folder on a disk would tell them; what the server left out is taken from the listing.</summary>
    public FileStat AsDisk(SourceFile listed) => new(
        IsFolder ? FileKind.Folder : IsRegular ? FileKind.Regular : FileKind.Special, Size ?? listed.Size, ModifiedUtc ?? listed.ModifiedUtc);

    /// <summary>Whether it is the version that was listed.</summary>
    public bool Is(SourceFile listed) => AsDisk(listed).Is(listed);

    public bool IsLink => Mode is { } mode && (mode & TypeBits) == 0xA000;
}

/// <summary>One entry of a listing.</summary>
/// <param name="Name">The name's bytes as the server sent them; checked by <see cref="SftpNames"/> before it is used in a path.</param>
/// <param name="Attributes">Its attributes, reused so that no STAT is needed.</param>
internal readonly record struct SftpEntry(byte[] Name, SftpAttributes Attributes);
