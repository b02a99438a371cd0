// The first number that a browser's process writes takes a telephone a fifth of a second, because it looks through all the
// languages it knows. Done here while the panel is on its way, the numbers are shown the moment they come.
new Intl.NumberFormat().format(0);
new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(0);
