
{
  // A page leads to files beside it. Where none can be, its links lead to those beside its own place.
  const {name, address} = document.body.dataset;
  const beside = link => {
    const media = /^(.*\/o\/)([^/?]+)\?alt=media$/.exec(address);
    if (!media) return new URL(link, address).href;
    const path = new URL(link, `http://bucket/${decodeURIComponent(media[2])}`).pathname.slice(1);
    return `${media[1]}${encodeURIComponent(decodeURIComponent(path))}?alt=media`;
  };
  if (address && !location.pathname.endsWith(`/${name}`)) {
    for (const link of document.querySelectorAll('a[href]')) link.href = beside(link.getAttribute('href'));
    const leads = /url=(.+)/.exec(document.querySelector('meta[http-equiv=refresh]')?.content);
    if (leads) location.replace(beside(leads[1]));
    else if ('interim' in document.documentElement.dataset && location.protocol !== 'file:')
      setTimeout(() => location.replace(address), 55000);
  }
}
