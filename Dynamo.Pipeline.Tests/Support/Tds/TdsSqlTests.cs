using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>The T-SQL a bulk-copy sink needs, on the endpoint.</summary>
public sealed class TdsSqlTests
{
    private TdsEndpoint _endpoint = null!;
    private SqlConnection _connection = null!;

    [SetUp]
    public async Task Start()
    {
        _endpoint = new TdsEndpoint();
        _connection = new SqlConnection(_endpoint.ConnectionString);
        await _connection.OpenAsync();
        await _connection.ExecuteAsync("""
            CREATE TABLE dbo.Reading (Logger nvarchar(64) NOT NULL, Channel nvarchar(64) NOT NULL, TimestampUtc datetime2(7) NOT NULL,
                Value float NULL,
                CONSTRAINT PK_Reading PRIMARY KEY CLUSTERED (Logger, Channel, TimestampUtc));
            CREATE TABLE dbo.ImportedFile (Id bigint IDENTITY(1,1) NOT NULL PRIMARY KEY, Source nvarchar(200) NOT NULL,
                Path nvarchar(400) NOT NULL, Rows int NOT NULL DEFAULT 0,
                CONSTRAINT UQ_ImportedFile UNIQUE (Source, Path));
            CREATE TABLE #Stage (Logger nvarchar(64) NOT NULL, Channel nvarchar(64) NOT NULL, TimestampUtc datetime2(7) NOT NULL,
                Value float NULL, Line int NOT NULL);
            """);
    }

    [TearDown]
    public async Task Stop()
    {
        await _connection.DisposeAsync();
        await _endpoint.DisposeAsync();
    }

    private async Task StageAsync(params (string Logger, int Minute, double Value)[] rows)
    {
        foreach ((string logger, int minute, double value) in rows)
        {
            var parameters = new DynamicParameters(new { logger, value, line = minute });
            parameters.Add("at", new DateTime(2024, 1, 1, 0, minute, 0), System.Data.DbType.DateTime2);
            await _connection.ExecuteAsync(
                "INSERT INTO #Stage (Logger, Channel, TimestampUtc, Value, Line) VALUES (@logger, N'level', @at, @value, @line)",
                parameters);
        }
    }

    [Test]
    public async Task Staged_rows_update_and_insert_the_target()
    {
        await StageAsync(("A", 1, 1), ("A", 2, 2));
        const string upsert = """
            SET NOCOUNT ON; SET XACT_ABORT ON;
            DECLARE @updated int, @inserted int;
            UPDATE t SET t.Value = s.Value FROM dbo.Reading AS t WITH (UPDLOCK) INNER JOIN #Stage AS s ON t.Logger = s.Logger
                AND t.Channel = s.Channel AND t.TimestampUtc = s.TimestampUtc
            WHERE t.Value <> s.Value OR t.Value IS NULL;
            SET @updated = @@ROWCOUNT;
            INSERT INTO dbo.Reading WITH (TABLOCK) (Logger, Channel, TimestampUtc, Value)
            SELECT s.Logger, s.Channel, s.TimestampUtc, s.Value FROM #Stage s
            WHERE NOT EXISTS (SELECT 1 FROM dbo.Reading t WHERE t.Logger = s.Logger AND t.Channel = s.Channel
                AND t.TimestampUtc = s.TimestampUtc);
            SET @inserted = @@ROWCOUNT
            SELECT @updated AS Updated, @inserted AS Inserted
            """;
        Assert.That(await _connection.QuerySingleAsync<(int, int)>(upsert), Is.EqualTo((0, 2)));
        await _connection.ExecuteAsync("TRUNCATE TABLE #Stage");
        await StageAsync(("a", 2, 20), ("A", 3, 3));
        Assert.That(await _connection.QuerySingleAsync<(int, int)>(upsert), Is.EqualTo((1, 1)), "keys compare without case");
        Assert.That(
            await _connection.QueryAsync<double>("SELECT Value FROM Reading ORDER BY TimestampUtc"), Is.EqualTo(new[] { 1.0, 20.0, 3.0 }));
    }

    [Test]
    public async Task ROW_NUMBER_finds_the_last_of_each_key()
    {
        await StageAsync(("A", 1, 1), ("A", 1, 2), ("B", 1, 3));
        IEnumerable<double> last = await _connection.QueryAsync<double>("""
            WITH ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY Logger, Channel, TimestampUtc ORDER BY Line DESC,
                Value DESC) AS Place FROM #Stage)
            SELECT Value FROM ranked WHERE Place = 1 ORDER BY Logger
            """);
        Assert.That(last, Is.EqualTo(new[] { 2.0, 3.0 }));
        Assert.That(await _connection.ExecuteAsync(
            "DELETE s FROM #Stage s JOIN (SELECT Logger, MAX(Value) AS Best FROM #Stage GROUP BY Logger HAVING COUNT(*) > 1) AS d ON "
                + "d.Logger = s.Logger WHERE s.Value < d.Best"), Is.EqualTo(1));
    }

    [Test]
    public async Task WHILE_goes_on_while_TOP_finds_another_row()
    {
        await StageAsync(("A", 1, 1), ("B", 1, 2), ("C", 1, 3));
        using SqlMapper.GridReader results = await _connection.QueryMultipleAsync("""
            DECLARE @name nvarchar(64), @got int; SET @got = 0;
            SELECT TOP (1) @got = 1, @name = Logger FROM #Stage ORDER BY Logger DESC;
            WHILE @got = 1
            BEGIN
                SELECT @name;
                SET @got = 0;
                SELECT TOP (1) @got = 1, @name = Logger FROM #Stage WHERE Logger < @name ORDER BY Logger DESC;
            END
            """);
        var found = new List<string>();
        while (!results.IsConsumed) found.Add(await results.ReadSingleAsync<string>());
        Assert.That(found, Is.EqualTo(new[] { "C", "B", "A" }));
    }

    [Test]
    public async Task Results_have_the_servers_types()
    {
        await StageAsync(("A", 1, 1));
        IDictionary<string, object> row = await _connection.QuerySingleAsync<dynamic>("""
            SELECT TOP (1) COUNT(*) AS N, COUNT_BIG(*) AS B, MAX(TimestampUtc) AS Last, MIN(Value) AS Low, SUM(Line) AS Lines,
                CAST(1 AS bit) AS Yes, MAX(Logger) AS Name, SYSUTCDATETIME() AS Now FROM #Stage
            """);
        Assert.That(
            row.Values.Select(v => v.GetType()),
            Is.EqualTo(
                new[]
                {
                    typeof(int),
                    typeof(long),
                    typeof(DateTime),
                    typeof(double),
                    typeof(int),
                    typeof(bool),
                    typeof(string),
                    typeof(DateTime),
                }));
    }

    [Test]
    public async Task OUTPUT_and_SCOPE_IDENTITY_tell_a_new_rows_number()
    {
        long first = await _connection.ExecuteScalarAsync<long>(
            "INSERT INTO dbo.ImportedFile (Source, Path) OUTPUT inserted.Id VALUES (@s, @p)", new { s = "folder", p = "a.csv" });
        long second = await _connection.ExecuteScalarAsync<long>(
            "INSERT INTO dbo.ImportedFile (Source, Path, Rows) VALUES ('folder', 'b.csv', 3); SELECT CAST(SCOPE_IDENTITY() AS bigint)");
        Assert.That((first, second), Is.EqualTo((1, 2)));
        Assert.That(
            await _connection.QueryAsync<string>("DELETE FROM dbo.ImportedFile OUTPUT deleted.Path WHERE Rows = 3"),
            Is.EqualTo(new[] { "b.csv" }));
    }

    [TestCase("INSERT INTO dbo.ImportedFile (Source, Path) VALUES ('s', 'p'), ('S', 'p')", 2627, "UQ_ImportedFile")]
    [TestCase("INSERT INTO dbo.ImportedFile (Source, Path) VALUES (NULL, 'p')", 515, "Source")]
    [TestCase("INSERT INTO #Stage VALUES (REPLICATE_65, 'c', SYSUTCDATETIME(), 1, 1)", 2628, "Logger")]
    [TestCase("INSERT INTO #Stage VALUES ('l', 'c', SYSUTCDATETIME(), 1, 3000000000)", 8115, "Line")]
    [TestCase("SELECT * FROM dbo.Nowhere", 208, "Nowhere")]
    [TestCase("SELECT Nothing FROM dbo.Reading", 207, "Nothing")]
    [TestCase("SELECT @Nothing", 137, "@Nothing")]
    [TestCase("SELEC 1", 102, "SELEC")]
    public void Errors_have_the_servers_numbers(string sql, int number, string named)
    {
        string statement = sql.Replace("REPLICATE_65", $"'{new string('x', 65)}'", StringComparison.Ordinal);
        SqlException refused = Assert.ThrowsAsync<SqlException>(() => _connection.ExecuteAsync(statement))!;
        Assert.That(refused.Number, Is.EqualTo(number), refused.Message);
        Assert.That(refused.Message, Does.Contain(named));
    }

    [Test]
    public async Task A_broken_constraint_ends_its_statement_or_under_XACT_ABORT_the_transaction([Values] bool abort)
    {
        string setting = abort ? "ON" : "OFF";
        SqlException refused = Assert.ThrowsAsync<SqlException>(() => _connection.ExecuteAsync(
            $"SET XACT_ABORT {setting}; BEGIN TRAN; INSERT INTO ImportedFile (Source, Path) VALUES ('s', 'p'); INSERT INTO ImportedFile "
                + "(Source, Path) VALUES ('s', 'p'); COMMIT"))!;
        Assert.That(refused.Number, Is.EqualTo(2627));
        Assert.That(await _connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM ImportedFile"), Is.EqualTo(abort ? 0 : 1));
        Assert.That(await _connection.ExecuteScalarAsync<int>("SELECT @@TRANCOUNT"), Is.Zero);
    }

    [Test]
    public async Task TRY_and_CATCH_handle_and_rethrow()
    {
        const string guarded =
            "BEGIN TRY INSERT INTO ImportedFile (Source, Path) VALUES ('s', NULL); END TRY BEGIN CATCH IF ERROR_NUMBER() = 515 SELECT "
                + "'caught' AS Outcome ELSE THROW; END CATCH";
        Assert.That(await _connection.ExecuteScalarAsync<string>(guarded), Is.EqualTo("caught"));
        Assert.That(
            Assert.ThrowsAsync<SqlException>(() => _connection.ExecuteAsync(guarded.Replace("515", "1", StringComparison.Ordinal)))!.Number,
            Is.EqualTo(515));
    }

    [Test]
    public async Task The_catalogue_describes_a_table()
    {
        await _connection.ExecuteAsync(
            "CREATE UNIQUE INDEX UX_Value ON dbo.Reading (Value DESC) WHERE Value IS NOT NULL; CREATE INDEX IX_Stage ON #Stage (Logger)");
        var columns = await _connection.QueryAsync<(string, string, int, bool)>("""
            SELECT c.name, t.name, c.max_length, c.is_nullable FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id
            WHERE c.object_id = OBJECT_ID(N'[dbo].[Reading]') ORDER BY c.column_id
            """);
        Assert.That(
            columns,
            Is.EqualTo(
                new[] { ("Logger", "nvarchar", 128, false), ("Channel", "nvarchar", 128, false), (
                    "TimestampUtc", "datetime2", 8, false), ("Value", "float", 8, true) }));
        var keys = await _connection.QueryAsync<(string, string, bool, string)>("""
            SELECT i.name, i.type_desc, i.is_primary_key, c.name FROM sys.indexes i
                JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
            JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
                WHERE i.object_id = OBJECT_ID('dbo.Reading') ORDER BY i.index_id, k.key_ordinal
            """);
        Assert.That(keys, Is.EqualTo(new[]
        {
            ("PK_Reading", "CLUSTERED", true, "Logger"), ("PK_Reading", "CLUSTERED", true, "Channel"), (
                "PK_Reading", "CLUSTERED", true, "TimestampUtc"), ("UX_Value", "NONCLUSTERED", false, "Value"),
        }));
        Assert.That(
            await _connection.QueryAsync<string>(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'dbo' AND TABLE_NAME = 'reading' ORDER BY "
                    + "ORDINAL_POSITION"),
            Has.Exactly(4).Items);
        Assert.That(
            await _connection.ExecuteScalarAsync<int>(
                "IF OBJECT_ID('dbo.Reading', 'U') IS NULL SELECT 0 ELSE SELECT COUNT(*) FROM tempdb.sys.columns WHERE object_id = "
                    + "OBJECT_ID('tempdb..#Stage')"),
            Is.EqualTo(5));
    }

    [Test]
    public async Task An_application_lock_keeps_others_out_until_its_owner_is_gone()
    {
        static DynamicParameters Lock(int timeout)
        {
            var parameters = new DynamicParameters(
                new { Resource = "dynamo:folder", LockMode = "Exclusive", LockOwner = "Session", LockTimeout = timeout });
            parameters.Add("Result", dbType: System.Data.DbType.Int32, direction: System.Data.ParameterDirection.ReturnValue);
            return parameters;
        }

        async Task<int> TakeAsync(SqlConnection connection)
        {
            DynamicParameters parameters = Lock(0);
            await connection.ExecuteAsync("sp_getapplock", parameters, commandType: System.Data.CommandType.StoredProcedure);
            return parameters.Get<int>("Result");
        }

        await using var other = new SqlConnection(_endpoint.ConnectionString);
        await other.OpenAsync();
        Assert.That(await TakeAsync(_connection), Is.Zero);
        Assert.That(await TakeAsync(other), Is.EqualTo(-1));
        int released = await _connection.ExecuteScalarAsync<int>(
            "DECLARE @r int; EXEC @r = sp_releaseapplock @Resource = N'dynamo:folder', @LockOwner = 'Session'; SELECT @r");
        Assert.That(released, Is.Zero);
        Assert.That(await TakeAsync(other), Is.Zero);
        await other.CloseAsync();
        _endpoint.ClearPool();
        Assert.That(() => TakeAsync(_connection).GetAwaiter().GetResult(), Is.Zero.After(60_000, 20));
    }

    [Test]
    public async Task A_stored_procedure_takes_the_staged_rows()
    {
        await _connection.ExecuteAsync(
            "CREATE PROCEDURE dbo.Load @scale float AS INSERT INTO dbo.Reading SELECT Logger, Channel, TimestampUtc, Value * @scale "
                + "FROM #Stage; SELECT @@ROWCOUNT AS Loaded");
        await StageAsync(("A", 1, 1), ("B", 1, 2));
        Assert.That(await _connection.ExecuteScalarAsync<int>("EXEC dbo.Load @scale = 10e0"), Is.EqualTo(2));
        Assert.That(await _connection.ExecuteScalarAsync<double>("SELECT SUM(Value) FROM dbo.Reading"), Is.EqualTo(30));
    }

    [Test]
    public async Task A_prepared_command_runs_again_and_again()
    {
        await using SqlCommand command = _connection.CreateCommand();
        command.CommandText = "INSERT INTO ImportedFile (Source, Path) VALUES (@s, @p)";
        command.Parameters.Add("@s", System.Data.SqlDbType.NVarChar, 200).Value = "s";
        command.Parameters.Add("@p", System.Data.SqlDbType.NVarChar, 400).Value = "";
        await command.PrepareAsync();
        for (int i = 0; i < 5; i++)
        {
            command.Parameters["@p"].Value = $"{i}.csv";
            Assert.That(await command.ExecuteNonQueryAsync(), Is.EqualTo(1));
        }
        Assert.That(await _connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM ImportedFile"), Is.EqualTo(5));
    }

    [Test]
    public async Task A_long_statement_arrives_whole()
    {
        string sql = $"SELECT COUNT(*) FROM (VALUES {string.Join(',', Enumerable.Range(0, 3000).Select(i => $"({i}, 'ü')"))}) AS v";
        Assert.That(await _connection.ExecuteScalarAsync<int>(sql), Is.EqualTo(3000));
        Assert.That(await _connection.ExecuteScalarAsync<int>(sql + " WHERE @x = 1", new { x = 1 }), Is.EqualTo(3000));
    }

    [Test]
    public async Task A_constraint_added_later_holds_for_every_session()
    {
        await using var other = new SqlConnection(_endpoint.ConnectionString);
        await other.OpenAsync();
        await other.ExecuteAsync("INSERT INTO dbo.Reading VALUES ('A', 'c', SYSUTCDATETIME(), 1)");
        await _connection.ExecuteAsync(
            "ALTER TABLE dbo.Reading ADD CONSTRAINT CK_Thirteen CHECK (Value <> 13); ALTER TABLE dbo.ImportedFile ADD CONSTRAINT "
                + "UQ_Rows UNIQUE (Rows)");

        Assert.That(
            Assert.ThrowsAsync<SqlException>(
                () => other.ExecuteAsync("INSERT INTO dbo.Reading VALUES ('A', 'c', SYSUTCDATETIME(), 13)"))!.Number,
            Is.EqualTo(547));
        Assert.That(
            Assert.ThrowsAsync<SqlException>(
                () => other.ExecuteAsync("INSERT INTO dbo.ImportedFile (Source, Path) VALUES ('a', 'b'), ('c', 'd')"))!.Message,
            Does.Contain("UQ_Rows"));
        Assert.That(
            Assert.ThrowsAsync<SqlException>(() => other.ExecuteAsync("ALTER TABLE dbo.Reading ADD CHECK (Value > 1)"))!.Number,
            Is.EqualTo(547));
        Assert.That(
            await other.QueryAsync<string>("SELECT name FROM sys.check_constraints WHERE parent_object_id = OBJECT_ID('dbo.Reading')"),
            Is.EqualTo(new[] { "CK_Thirteen" }));
    }

    [Test]
    public async Task A_binary_collation_tells_case_apart()
    {
        await _connection.ExecuteAsync(
            "CREATE TABLE dbo.Exact (Name nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY); INSERT INTO dbo.Exact "
                + "VALUES ('a'), ('A'), ('b')");
        Assert.That(await _connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Exact WHERE Name = N'a'"), Is.EqualTo(1));
        Assert.That(
            await _connection.ExecuteScalarAsync<int>(
                "SELECT COUNT(*) FROM dbo.Exact WHERE Name COLLATE SQL_Latin1_General_CP1_CI_AS = N'a'"),
            Is.EqualTo(2));
        Assert.That(
            await _connection.ExecuteScalarAsync<string>("SELECT collation_name FROM sys.columns WHERE object_id = OBJECT_ID('dbo.Exact')"),
            Is.EqualTo("Latin1_General_100_BIN2"));
    }
}
