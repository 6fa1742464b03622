namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Threads that wait in SSH.NET's calls: each of its asynchronous requests costs three waits of the thread pool and their wake-ups,
/// more than all the rest of a small file. Started when they are needed; they end with the session, or when SSH.NET lets go of them.
/// </summary>
internal sealed class WaitingThreads(int most)
{
    private const int StackSize = 256 * 1024;

    private readonly object _gate = new();
    private readonly Queue<Action> _work = new();
    private int _started;
    private int _idle;
    private bool _isOver;

    public Task<T> RunAsync<T>(Func<T> call)
    {
        var completion = new TaskCompletionSource<T>();
        lock (_gate)
        {
            _work.Enqueue(Run);
            if (_idle >= _work.Count) Monitor.Pulse(_gate);
            else if (_started < most) new Thread(Work, StackSize) { IsBackground = true, Name = $"SFTP file {++_started}" }.Start();
        }
        return completion.Task;

        void Run()
        {
            try
            {
                completion.SetResult(call());
            }
            catch (Exception e)
            {
                completion.SetException(e);
            }
        }
    }

    /// <summary>The threads end when nothing is left to do; then every call fails at once.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Work()
    {
        while (Next() is { } next) next();
    }

    private Action? Next()
    {
        lock (_gate)
        {
            _idle++;
            Action? next;
            while (!_work.TryDequeue(out next) && !_isOver) Monitor.Wait(_gate);
            _idle--;
            if (next is null) _started--;
            return next;
        }
    }
}
