using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Ddoq.Tests")]
[assembly: InternalsVisibleTo("Ddoq.Bench")]
[assembly: InternalsVisibleTo("libddoq")]
