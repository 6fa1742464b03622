namespace Dynamo.Pipeline.Tests;

/// <summary>BulkLoadBCP, [MS-TDS] 2.2.6.1: COLMETADATA, ROWs, DONE, decoded as they arrive.</summary>
internal sealed class BulkLoad(MessageReader message)
{
    private readonly List<(TdsType Type, bool Fixed)> _columns = [];

    /// <param name="insert">Where the rows go.</param>
    /// <param name="onRow">Told the number of rows so far.</param>
    public void Run(SqlBulkInsert insert, Action<long> onRow)
    {
        ReadColumns();
        if (_columns.Count != insert.Targets.Count)
            throw new ServerError(
                4819, "Cannot bulk load. The bulk data stream was incorrectly specified as sorted or has other columns than INSERT BULK.");
        var cells = new TdsCell[_columns.Count];
        for (int i = 0; i < cells.Length; i++) cells[i] = new TdsCell();
        while (message.Byte() is var token && token != 0xFD)
        {
            if (token != 0xD1) throw new InvalidDataException($"No ROW token: 0x{token:X2}.");
            for (int i = 0; i < cells.Length; i++)
            {
                cells[i].Read(message, _columns[i].Type, _columns[i].Fixed);
                Check(cells[i], insert.Targets[i], i + 1);
                _ = cells[i].Bind(insert.Statement, i + 1);
            }
            insert.InsertRow();
            onRow(insert.Rows);
        }
        message.Drain();
    }

    private void ReadColumns()
    {
        if (message.Byte() != 0x81) throw new InvalidDataException("A bulk load begins with COLMETADATA.");
        int count = message.UInt16();
        for (int i = 0; i < count; i++)
        {
            message.Skip(4 + 2);
            TdsType type = TdsTypeInfo.Read(message, out bool isFixed);
            _columns.Add((type, isFixed));
            message.ShortText();
        }
    }

    /// <summary>What the server refuses before it looks at the table.</summary>
    private static void Check(TdsCell cell, SqlTableColumn target, int column)
    {
        if (cell.IsNull) return;
        if (cell.IsNotANumber)
            throw new ServerError(
                7339,
                $"OLE DB provider 'STREAM' for linked server '(null)' returned invalid data for column '[!BulkInsert].{target.Name}'.");
        bool variable = target.Type.IsText || target.Type.IsBinary;
        if (variable && target.Type.Length > 0 && cell.WireLength > target.Type.Length)
            throw new ServerError(4815, $"Received an invalid column length from the bcp client for colid {column}.");
    }
}
