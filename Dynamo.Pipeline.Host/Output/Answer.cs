namespace Dynamo.Pipeline.Host;

/// <summary>
/// What a command prints to stdout. This folder writes what commands found, for people and as JSON.
/// With <c>--json</c> the text is held back until the end, so that it is one whole object however the process ends:
/// the command's object, or, if a second signal ends the process at once, one that says so.
/// Called by the command and by the signals' thread.
/// </summary>
/// <param name="to">Stdout.</param>
/// <param name="isJson">Whether the answer is JSON.</param>
/// <param name="isLive">Whether it is a stream of objects, each written at once.</param>
internal sealed class Answer(TextWriter to, bool isJson, bool isLive) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly StringWriter _held = new();
    private bool _isGiven;

    public TextWriter Out => isJson && !isLive ? _held : to;

    /// <summary>The command has ended, or failed.</summary>
    public void Give() => Give(_held.ToString());

    /// <summary>The process ends without waiting for the command.</summary>
    public void GiveUp(Failure failure) => Give(isJson ? failure.ToJson() + Environment.NewLine : "");

    public void Dispose() => _held.Dispose();

    private void Give(string text)
    {
        lock (_gate)
        {
            if (_isGiven) return;
            _isGiven = true;
            if (text.Length > 0) to.Write(text);
        }
    }
}
