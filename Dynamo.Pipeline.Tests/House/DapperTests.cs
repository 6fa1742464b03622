namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Dapper.AOT leaves a call that it does not understand to Dapper, without a word.
/// Dapper makes code at run time, which the native program cannot, and it is not among the packages that a user restores.
/// </summary>
internal sealed class DapperTests
{
    [TestCase(typeof(SqliteLedger))]
    [TestCase(typeof(SqlServerLedger))]
    public void Every_call_of_Dapper_is_replaced_when_the_library_is_compiled(Type inTheLibrary)
    {
        string?[] references = [.. inTheLibrary.Assembly.GetReferencedAssemblies().Select(reference => reference.Name)];
        Assert.That(references, Does.Contain("Dapper.AOT").And.Not.Contain("Dapper"));
    }
}
