using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary>The recording of one run. Its file is written when the run ends, however it ends.</summary>
internal sealed class RunTrace : IDisposable
{
    private readonly NewFile _file;

    private RunTrace(NewFile file) => _file = file;

    public TraceRecorder Recorder { get; } = new();

    /// <summary>Creates the file before the run, so that a wrong path is reported as a wrong argument and not after the run.</summary>
    /// <exception cref="SettingsException">The file cannot be created.</exception>
    public static RunTrace? To(string? path)
    {
        if (path is null) return null;
        try
        {
            return new RunTrace(new NewFile(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingsException("--trace", $"the file '{path}' cannot be written: {error.Message}");
        }
    }

    public void Dispose()
    {
        using (_file)
        {
            ChromeTrace.Write(_file.Stream, Recorder);
            _file.Complete();
        }
    }
}
