using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>Error numbers as the exceptions .NET's own files raise, so that one place judges both.</summary>
internal static class LinuxErrors
{
    public static Exception ForFile(int error) => error switch
    {
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder => new FileNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        LinuxCalls.TooManyLinks => new FileChangedException("is now a symbolic link loop"),
        LinuxCalls.NameTooLong => new FileChangedException("has a path longer than the system opens"),
        LinuxCalls.IsAFolder => new FileChangedException("is now a folder"),
        LinuxCalls.NoDevice => new FileChangedException("is no longer a regular file"),
        LinuxCalls.Busy or LinuxCalls.TextBusy or LinuxCalls.TryAgain => new FileChangedException("is in use by another program"),
        _ => new IOException(Text(error), error),
    };

    public static Exception ForFolder(int error) => error switch
    {
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder => new DirectoryNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        LinuxCalls.NameTooLong or LinuxCalls.TooManyLinks => new PathTooLongException(Text(error)),
        _ => new IOException(Text(error), error),
    };

    public static Exception ForMove(int error) => error switch
    {
        LinuxCalls.NoEntry => new FileNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        _ => new IOException(Text(error), error),
    };

    public static DiskKind KindOf(int error) => error switch
    {
        // No name that long can exist.
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder or LinuxCalls.NameTooLong => DiskKind.Missing,
        LinuxCalls.TooManyLinks => DiskKind.LinkLoop,
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => DiskKind.Unknown,
        _ => throw new IOException(Text(error), error),
    };

    private static string Text(int error) => Marshal.GetPInvokeErrorMessage(error);
}
