namespace Dynamo.Pipeline.Tests;

/// <summary>The crash contract on a folder.</summary>
[TestFixture, Order(1)]
internal sealed class CrashTests() : CrashContract(
    rounds: SoakAttribute.Rounds(0, 8, 20), landed: SoakAttribute.Rounds(0, 15, 60))
{
    protected override string[] Source(string inbox) => ["--source", inbox];

    [Test, CancelAfter(300_000)]
    public Task Two_hosts_started_together_on_one_folder_load_everything_once(CancellationToken token) => TwoHostsAsync(rounds: 1, token);

    [Test, Soak, CancelAfter(300_000)]
    public Task Two_hosts_started_together_again_and_again_load_everything_once(CancellationToken token) => TwoHostsAsync(rounds: 5, token);
}
