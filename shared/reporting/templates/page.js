
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    const value = row => {
      const cell = row.cells[at];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    button.onclick = () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...body.rows].map(row => [value(row), row]);
      rows.sort(([x], [y]) => (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1));
      body.append(...rows.map(([, row]) => row));
    };
  });
}
for (const wide of document.querySelectorAll('.wide')) {
  const fits = () => wide.scrollWidth <= wide.clientWidth ? wide.removeAttribute('tabindex') : wide.tabIndex = 0;
  addEventListener('resize', fits);
  fits();
}
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(part => part.open = true));
