import { OpenArchive } from './src/query/archive.ts';
const orig = OpenArchive.prototype.select; const oi = OpenArchive.prototype.index;
(OpenArchive.prototype as any).select = async function* (q: any) { const a=performance.now(); const c=process.cpuUsage(); let n=0; for await (const x of orig.call(this,q)) { n+=x.length; yield x; } const d=process.cpuUsage(c); console.log('   select', q.streams.join(), q.entries?.size, Math.round(performance.now()-a), 'ms', Math.round((d.user+d.system)/1000),'cpu rows',n); };
(OpenArchive.prototype as any).index = async function (s: any, v: any) { const a=performance.now(); const c=process.cpuUsage(); const r = await oi.call(this,s,v); const d=process.cpuUsage(c); console.log('   index', String(s).slice(0,90).replaceAll('\n',' '), Math.round(performance.now()-a),'ms', Math.round((d.user+d.system)/1000),'cpu', r.length); return r; };
await import('./zz-bench.ts');
