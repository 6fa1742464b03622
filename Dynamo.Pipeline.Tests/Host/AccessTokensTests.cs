using System.Globalization;
using Dynamo.Pipeline.Host;
using Microsoft.Data.SqlClient;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>When a command is run again for a token, and what happens when it yields none.</summary>
[Platform(Exclude = "Win", Reason = "The commands are scripts of a shell.")]
internal sealed class AccessTokensTests
{
    /// <summary>Counts its runs, and fails when there is a file that says so.</summary>
    private const string Script = "echo x >> asked; test ! -e fail && cat token";

    private ScratchFolder _folder = null!;
    private FakeTimeProvider _clock = null!;
    private AccessTokens _tokens = null!;

    [SetUp]
    public void Make()
    {
        (_folder, _clock) = (new ScratchFolder(), new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero)));
        _tokens = new AccessTokens(["sh", "-c", $"cd '{_folder.Path}'; {Script}"], null, _clock);
        Put("first", TimeSpan.FromHours(1));
    }

    [TearDown]
    public void Remove() => _folder.Dispose();

    private int Runs => File.ReadAllLines(_folder["asked"]).Length;

    [Test, CancelAfter(60_000)]
    public async Task A_command_runs_again_when_its_token_is_about_to_expire(CancellationToken token)
    {
        SqlAuthenticationToken[] first = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => GetAsync(token)));
        Put("second", TimeSpan.FromHours(2));
        _clock.Advance(TimeSpan.FromMinutes(54));
        SqlAuthenticationToken before = await GetAsync(token);
        _clock.Advance(TimeSpan.FromMinutes(2));
        SqlAuthenticationToken after = await GetAsync(token);

        Assert.That(first.Select(t => t.AccessToken), Is.All.EqualTo("first"));
        Assert.That((before.AccessToken, after.AccessToken, Runs), Is.EqualTo(("first", "second", 2)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_command_that_fails_later_costs_nothing_until_its_token_has_expired(CancellationToken token)
    {
        await GetAsync(token);
        File.WriteAllText(_folder["fail"], "");
        _clock.Advance(TimeSpan.FromMinutes(58));
        SqlAuthenticationToken old = await GetAsync(token);
        _clock.Advance(TimeSpan.FromMinutes(3));

        Assert.That((old.AccessToken, Runs), Is.EqualTo(("first", 2)));
        Assert.That(() => GetAsync(token), Throws.InstanceOf<IOException>().With.Message.Contains("ended with 1"), "it may pass");
    }

    [Test, CancelAfter(60_000)]
    public void A_command_that_never_yielded_a_token_is_no_reason_to_try_again(CancellationToken token)
    {
        File.WriteAllText(_folder["fail"], "");

        Assert.That(() => GetAsync(token), Throws.InvalidOperationException);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_command_that_does_not_end_is_ended(CancellationToken token)
    {
        string script = $"cd '{_folder.Path}'; echo $$ > new; mv new pid; exec sleep 1000";
        using var cancel = new CancellationTokenSource();
        Task<SqlAuthenticationToken> waiting = new AccessTokens(["sh", "-c", script], null, _clock).GetAsync(null!, cancel.Token);
        Assert.That(() => File.Exists(_folder["pid"]), Is.True.After(30_000, 10));

        await cancel.CancelAsync();

        Assert.That(async () => await waiting.WaitAsync(token), Throws.InstanceOf<OperationCanceledException>());
        string pid = (await File.ReadAllTextAsync(_folder["pid"], token)).Trim();
        Assert.That(() => File.Exists($"/proc/{pid}/stat"), Is.False.After(30_000, 10));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_is_read_each_time_and_an_expired_token_is_not_handed_on(CancellationToken token)
    {
        var tokens = new AccessTokens([], _folder["token"], _clock);
        SqlAuthenticationToken first = await tokens.GetAsync(null!, token);
        Put("second", TimeSpan.FromHours(1));
        SqlAuthenticationToken second = await tokens.GetAsync(null!, token);
        _clock.Advance(TimeSpan.FromHours(2));

        Assert.That((first.AccessToken, second.AccessToken), Is.EqualTo(("first", "second")));
        Assert.That(() => tokens.GetAsync(null!, token), Throws.InstanceOf<IOException>().With.Message.Contains("at 2026-03-01 13:00 UTC"));
        File.Delete(_folder["token"]);
        Assert.That(() => tokens.GetAsync(null!, token), Throws.InstanceOf<IOException>());
    }

    private Task<SqlAuthenticationToken> GetAsync(CancellationToken token) => _tokens.GetAsync(null!, token);

    private void Put(string token, TimeSpan good) => File.WriteAllText(_folder["token"], string.Create(CultureInfo.InvariantCulture,
        $$"""{"access_token":"{{token}}","expires_on":{{(_clock.GetUtcNow() + good).ToUnixTimeSeconds()}}}"""));
}
