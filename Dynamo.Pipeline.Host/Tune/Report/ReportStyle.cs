namespace Dynamo.Pipeline.Host;

/// <summary>How the report looks on light and dark screens and on paper.</summary>
internal static class ReportStyle
{
    /// <summary>For a picture without the report. It has no background.</summary>
    public const string Picture = """
        svg {
          --card: #ffffff; --slow: #d1495b; --chunk: #7fb8a4; --chunk-2: #5a9d87; --idle: #dfe5e2;
          font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
        }
        text { font-size: 12px; fill: #1c2320; } .soft { fill: #5d6963; } .axis { stroke: #5d6963; }
        @media (prefers-color-scheme: dark) {
          svg { --card: #1b2220; --slow: #ff7b89; --chunk: #3f7d6b; --chunk-2: #559b86; --idle: #2b3431; }
          text { fill: #e6ece9; } .soft { fill: #9aa8a1; } .axis { stroke: #9aa8a1; }
        }
        """;

    public const string Css = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f5; --card: #ffffff; --ink: #1c2320; --soft: #5d6963; --line: #dde3df; --grid: #e9eeea;
          --accent: #0b6e4f; --accent-soft: #bfe3d3; --slow: #d1495b; --chunk: #7fb8a4; --chunk-2: #5a9d87; --idle: #eceff0;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #131816; --card: #1b2220; --ink: #e6ece9; --soft: #9aa8a1; --line: #2e3935; --grid: #27312d;
            --accent: #58c99f; --accent-soft: #24594a; --slow: #ff7b89; --chunk: #3f7d6b; --chunk-2: #559b86; --idle: #262e2b;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--ink);
          font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif;
        }
        main { max-width: 1020px; margin: 0 auto; padding: 40px 24px 64px; }
        h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
        h2 { font-size: 1.2rem; margin: 0 0 4px; }
        p { margin: .5em 0; max-width: 92ch; }
        .sub, .note, figcaption { color: var(--soft); }
        .note, figcaption { font-size: .87rem; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin-top: 20px; }
        .answer { border-color: var(--accent); border-width: 2px; }
        .facts { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 14px 0 4px; padding: 0; list-style: none; }
        .facts b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.25; }
        .facts span { color: var(--soft); font-size: .87rem; }
        pre {
          background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
          font: .9rem/1.5 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace;
        }
        figure { margin: 14px 0 0; }
        .wide { overflow-x: auto; }
        svg { display: block; width: 100%; height: auto; font-family: inherit; }
        svg text { fill: var(--ink); font-size: 12px; } svg .soft { fill: var(--soft); } svg .small { font-size: 11px; }
        svg .grid { stroke: var(--grid); } svg .axis { stroke: var(--soft); }
        table { border-collapse: separate; border-spacing: 3px; font-variant-numeric: tabular-nums; margin-top: 14px; }
        th { font-weight: 600; color: var(--soft); font-size: .87rem; padding: 2px 8px; text-align: right; white-space: nowrap; }
        thead th { text-align: center; }
        .heat td {
          min-width: 76px; padding: 6px 5px; white-space: nowrap; text-align: center; border-radius: 6px; color: #17201c;
          -webkit-print-color-adjust: exact; print-color-adjust: exact;
        }
        .heat td.like { box-shadow: inset 0 0 0 2px #0b5d2e; }
        .heat td.best { color: #ffffff; font-weight: 800; }
        .heat td small { display: block; font-size: .66rem; opacity: .8; line-height: 1.25; }
        .key {
          display: inline-block; padding: 1px 8px; border-radius: 5px; color: #17201c; font-size: .8rem;
          -webkit-print-color-adjust: exact; print-color-adjust: exact;
        }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 12px 0 0; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        a { color: var(--accent); }
        @media (max-width: 640px) {
          main { padding: 20px 8px; } section { padding: 16px 10px; }
          /* The whole matrix on a phone: the means and their colours; the frame says what ≈ says elsewhere. */
          .heat { width: 100%; table-layout: fixed; border-spacing: 1px; }
          .heat th { font-size: .53rem; font-weight: 500; padding: 1px 0; text-align: center; }
          .heat thead tr:first-child th:first-child { width: 2.4rem; }
          .heat td { min-width: 0; padding: 5px 0; font-size: .62rem; border-radius: 3px; }
          .heat td small, .heat .mark { display: none; } .heat td.like { box-shadow: inset 0 0 0 1px #0b5d2e; }
          dl { grid-template-columns: 1fr; } dt { margin-top: 6px; }
        }
        @media print {
          :root {
            color-scheme: light;
            --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --grid: #ddd;
            --accent: #0b6e4f; --accent-soft: #bfe3d3; --slow: #c22f45; --chunk: #7fb8a4; --chunk-2: #5a9d87; --idle: #eceff0;
          }
          body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
          section { border-radius: 0; padding: 10px 0; border-width: 0 0 1px; }
          h2, h2 + .note { break-after: avoid; } figure, table, pre, .facts, tr { break-inside: avoid; }
          .answer { border-width: 0 0 1px; border-color: var(--line); }
          .heat { border-spacing: 2px; } .heat td { min-width: 0; padding: 3px 2px; font-size: 9pt; } .heat td small { font-size: 6pt; }
          svg { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
          @page { margin: 16mm 14mm; }
        }
        """;
}
