using Dynamo.Pipeline;

/// <summary>The row: a pump was switched.</summary>
internal readonly record struct PumpEvent(string Pump, DateTime AtUtc, bool On, double? Kilowatt);

/// <summary>The table: its key decides which row is the same row, sent again.</summary>
internal static class PumpEventTable
{
    public static RowMap<PumpEvent> Map { get; } = RowMap<PumpEvent>.Table("PumpEvent")
        .Key("Pump", e => e.Pump)
        .Key("AtUtc", e => e.AtUtc)
        .Column("IsOn", e => e.On ? 1 : 0)
        .Column("Kilowatt", e => e.Kilowatt);
}
