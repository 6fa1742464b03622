using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Writes to a terminal, a file or a log that may go away or be full, for example when the terminal is closed.
/// Then nobody reads the text, but the run goes on, and its exit code stays true.
/// </summary>
internal sealed class TerminalWriter(TextWriter to) : TextWriter
{
    /// <summary>Why the first text that could not be written was lost; <see langword="null"/> if nothing was.</summary>
    public Exception? Lost { get; private set; }

    public override Encoding Encoding => to.Encoding;

    public override void Write(char value) => Try(value, static (to, value) => to.Write(value));

    public override void Write(string? value) => Try(value, static (to, value) => to.Write(value));

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void WriteLine(string? value) => Try(value, static (to, value) => to.WriteLine(value));

    public override void Flush() => Try(0, static (to, _) => to.Flush());

    private void Try<T>(T value, Action<TextWriter, T> write)
    {
        try
        {
            write(to, value);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            Lost ??= gone;
        }
    }
}
