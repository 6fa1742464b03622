namespace Dynamo.Pipeline.Tests;

[CancelAfter(20_000)]
public sealed class SftpWindowTests
{
    [TestCase(0.1, 20_000ul, 64)]
    [TestCase(10, 20_000ul, 750)]
    [TestCase(20, 20_000ul, 1500)]
    [TestCase(200, 20_000ul, 2000)]
    [TestCase(20, 100ul, 80)]
    [TestCase(20, 1ul, 1)]
    [TestCase(20, 0ul, 128)]
    public void The_first_limit_follows_the_distance_and_the_server_s_word(double milliseconds, ulong handles, int expected) =>
        Assert.That(SftpWindow.Initial(TimeSpan.FromMilliseconds(milliseconds), handles), Is.EqualTo(expected));

    [Test]
    public async Task Waiters_enter_in_order_as_places_become_free(CancellationToken cancellationToken)
    {
        var window = new SftpWindow(2);
        await window.EnterAsync(1, cancellationToken);
        await window.EnterAsync(1, cancellationToken);
        Task third = window.EnterAsync(1, cancellationToken), fourth = window.EnterAsync(1, cancellationToken);
        Assert.That(third.IsCompleted, Is.False);
        window.Leave(1, opened: false);
        await third;
        Assert.That(fourth.IsCompleted, Is.False);
    }

    [Test]
    public async Task A_cancelled_waiter_does_not_keep_its_place(CancellationToken cancellationToken)
    {
        var window = new SftpWindow(1);
        await window.EnterAsync(1, cancellationToken);
        using var giveUp = new CancellationTokenSource();
        Task cancelled = window.EnterAsync(1, giveUp.Token), next = window.EnterAsync(1, cancellationToken);
        await giveUp.CancelAsync();
        window.Leave(1, opened: false);
        await next;
        Assert.CatchAsync<OperationCanceledException>(() => cancelled);
        Assert.That(window.InUse, Is.EqualTo(1));
    }

    [TestCase(19ul, 15)]
    [TestCase(0ul, 2000)]
    public async Task It_grows_with_every_success_but_not_beyond_what_the_server_says(
        ulong handles, int most, CancellationToken cancellationToken)
    {
        var window = new SftpWindow(SftpWindow.Initial(TimeSpan.Zero, handles), SftpWindow.Most(handles));
        for (int i = 0; i < 130_000; i++)
        {
            await window.EnterAsync(1, cancellationToken);
            window.Opened();
            window.Leave(1, opened: true);
        }
        Assert.That(window.Limit, Is.EqualTo(most));
    }

    [Test]
    public async Task A_refusal_shrinks_it_to_what_the_server_holds(CancellationToken cancellationToken)
    {
        var window = new SftpWindow(10);
        for (int i = 0; i < 10; i++) await window.EnterAsync(1, cancellationToken);
        for (int i = 0; i < 6; i++) window.Opened();
        for (int i = 0; i < 4; i++) Assert.That(window.LeaveRefused(1), Is.True);
        Assert.That((window.Limit, window.InUse), Is.EqualTo((6, 6)));
    }

    [Test]
    public async Task A_refusal_with_nothing_else_under_way_is_not_for_want_of_handles(CancellationToken cancellationToken)
    {
        var window = new SftpWindow(10);
        await window.EnterAsync(1, cancellationToken);
        Assert.That(window.LeaveRefused(1), Is.False);
    }

    [Test]
    public async Task Bytes_under_way_are_bounded_and_one_large_file_still_passes(CancellationToken cancellationToken)
    {
        var window = new SftpWindow(10);
        await window.EnterAsync(SftpWindow.MostBytes + 1, cancellationToken);
        Task small = window.EnterAsync(1, cancellationToken);
        Assert.That(small.IsCompleted, Is.False);
        window.Leave(SftpWindow.MostBytes + 1, opened: false);
        await small;
    }

    [TestCase(1, 0.5)]
    [TestCase(2, 1)]
    [TestCase(5, 8)]
    [TestCase(50, 30)]
    public void Pauses_double_up_to_half_a_minute(int losses, double seconds) =>
        Assert.That(SftpBackOff.Delay(losses), Is.EqualTo(TimeSpan.FromSeconds(seconds)));
}
