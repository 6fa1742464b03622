namespace Dynamo.Pipeline;

/// <summary>
/// The order of one series' timestamps in a file, and what it tells about times that exist twice. A file that goes forward enters the repeated hour on its
/// first pass, and a step back inside it begins the second one; a file that goes backward enters it on the second pass, and a step forward begins the
/// first. Where a step is as long as what is repeated (hourly readings), the same time again is the next pass. A series that goes both ways, or that begins inside the hour,
/// tells nothing until it does.
/// </summary>
internal sealed class SeriesOrder
{
    private enum Pass { Unknown, First, Second }

    private long _last = -1;
    private long _step;
    private int _direction;
    private bool _isUnordered;
    private bool _wasTwice;
    private Pass _pass;

    /// <summary>Sees the next local time of the series.</summary>
    /// <returns>The instant that the order tells, or <see langword="null"/>.</returns>
    public long? Next(long local, in LocalTime time)
    {
        bool isTwice = time.Kind == LocalTimeKind.Twice;
        if (_last >= 0) Compare(local, isTwice, time.Later - time.Earlier);
        _last = local;
        _wasTwice = isTwice;
        if (!isTwice || _isUnordered || _pass == Pass.Unknown) return null;
        return _pass == Pass.First ? time.Earlier : time.Later;
    }

    private void Compare(long local, bool isTwice, long repeated)
    {
        long step = local - _last;
        int sign = Math.Sign(step);
        if (isTwice && _wasTwice && Math.Abs(step) < TimeSpan.TicksPerDay)
            Inside(sign, repeated);
        else
        {
            Turn(sign);
            _pass = !isTwice || _direction == 0 ? Pass.Unknown : _direction > 0 ? Pass.First : Pass.Second;
        }
        if (sign != 0) _step = Math.Abs(step);
    }

    private void Inside(int sign, long repeated)
    {
        if (_direction == 0)
        {
            _direction = sign;
            return;
        }
        bool again = sign == 0 && _step >= repeated;
        if (sign != -_direction && !again) return;
        Pass next = _direction > 0 ? Pass.Second : Pass.First;
        // There is no third pass.
        if (_pass == next && !again) _isUnordered = true;
        _pass = next;
    }

    private void Turn(int sign)
    {
        if (_direction == 0) _direction = sign;
        else if (sign == -_direction) _isUnordered = true;
    }
}
