// SPDX-License-Identifier: Apache-2.0
// What value types are called for people: the stock types, and the items of the usual templates for
// products, batches, boxes, equipment, parts, orders, carriers and people.
import { linkType } from './gs1links';
import { getLang } from './i18n';

const labels: Record<string, readonly [string, string]> = {
	url: ['Web page', '网页'],
	email: ['Mail', '邮箱'],
	desc: ['Description', '说明'],
	name: ['Name', '名称'],
	brand: ['Brand', '品牌'],
	model: ['Model', '型号'],
	spec: ['Specification', '规格'],
	maker: ['Manufacturer', '制造商'],
	made_at: ['Made', '生产时间'],
	valid_until: ['Use by', '有效期至'],
	standard: ['Standard', '执行标准'],
	batch: ['Batch', '批次'],
	certificate: ['Certificate', '合格证'],
	image: ['Picture', '图片'],
	phone: ['Service phone', '服务电话'],
	price: ['Price', '价格'],
	cost: ['Cost', '成本'],
	product: ['Product', '产品'],
	batch_code: ['Batch number', '批号'],
	line: ['Line and shift', '产线/班次'],
	quantity: ['Quantity', '数量'],
	quality_report: ['Quality report', '质检报告'],
	raw_material: ['Raw material', '原材料批次'],
	supplier: ['Supplier', '供应商'],
	heat_no: ['Heat number', '炉号'],
	level: ['Packing level', '包装级别'],
	holds: ['Contains', '内含标识'],
	holds_count: ['Number of items', '内含数量'],
	weight_kg: ['Weight (kg)', '重量(千克)'],
	weight: ['Weight', '重量'],
	warehouse: ['Warehouse', '仓库'],
	serial: ['Serial number', '序列号'],
	installed_at: ['Installed at', '安装位置'],
	commissioned_at: ['In service since', '投用日期'],
	owner: ['Owner', '所有者'],
	maintenance_plan: ['Maintenance plan', '维护计划'],
	last_inspection: ['Last inspection', '最近检查'],
	telemetry: ['Telemetry', '遥测接口'],
	maintenance_key: ['Maintenance key', '维护密钥'],
	twin: ['Digital twin', '数字孪生'],
	part_no: ['Part number', '零件号'],
	revision: ['Revision', '版本'],
	part_of: ['Part of', '所属产品'],
	vin: ['VIN', '车辆识别码'],
	test_results: ['Test results', '检测结果'],
	order: ['Order', '订单号'],
	from: ['From', '发货地'],
	to: ['To', '收货地'],
	carrier: ['Carrier', '承运人'],
	item: ['Item', '物品'],
	sent_at: ['Sent', '发运时间'],
	terminal_type: ['Terminal type', '终端类型'],
	purpose: ['Purpose', '用途'],
	imei: ['IMEI', 'IMEI'],
	licence_no: ['Licence number', '进网许可证号'],
	licence_mark: ['Licence mark', '标志编码'],
	mark_seq: ['Mark sequence number', '标志序号'],
	organisation: ['Organisation', '单位'],
	role: ['Role', '角色'],
	hs_alias: ['Other name of', '别名指向'],
	hs_admin: ['Administrator', '管理员'],
	hs_vlist: ['Administrator group', '管理员组'],
	hs_pubkey: ['Public key', '公钥'],
	hs_seckey: ['Secret key', '密钥'],
	hs_site: ['Server', '服务站点'],
	hs_serv: ['Service', '服务'],
	hs_cert: ['Certificate of trust', '信任证书'],
	hs_signature: ['Signature', '签名'],
	template: ['Template', '数据模板'],
	template_id: ['Template', '数据模板'],
};

// Link types of the GS1 web vocabulary.
const links: Record<string, readonly [string, string]> = {
	defaultlink: ['Main page', '主页面'],
	defaultlinkmulti: ['Main page, alternative', '主页面（备选）'],
	itemdescription: ['Description', '说明'],
	pip: ['Product information', '产品信息'],
	certificationinfo: ['Certificates', '认证信息'],
	instructions: ['Instructions', '使用说明'],
	safetyinfo: ['Safety', '安全信息'],
	recallstatus: ['Recall status', '召回状态'],
	traceability: ['Traceability', '追溯信息'],
	recipeinfo: ['Recipes', '食谱'],
	ingredientsinfo: ['Ingredients', '成分'],
	allergeninfo: ['Allergens', '过敏原'],
	nutritionalinfo: ['Nutrition', '营养成分'],
	promotion: ['Promotion', '促销'],
	hasretailers: ['Where to buy', '购买渠道'],
	review: ['Reviews', '评价'],
	leavereview: ['Write a review', '发表评价'],
	support: ['Support', '支持'],
	faqs: ['Questions and answers', '常见问题'],
	quickstartguide: ['Quick start', '快速入门'],
	tutorial: ['Tutorial', '教程'],
	serviceinfo: ['Service and maintenance', '维修保养'],
	registerproduct: ['Register the product', '产品注册'],
	scheduletime: ['Appointments', '预约'],
	activityideas: ['Ideas', '创意'],
	appdownload: ['App', '应用下载'],
	locationinfo: ['Location', '位置信息'],
	openinghoursinfo: ['Opening hours', '营业时间'],
	masterdata: ['Master data', '主数据'],
	epcis: ['EPCIS repository', 'EPCIS 数据'],
	brandhomepageclinical: ['Brand home page, clinical', '品牌主页（临床）'],
	brandhomepagepatient: ['Brand home page, patients', '品牌主页（患者）'],
	epil: ['Patient leaflet', '患者说明书'],
	smpc: ['Product characteristics (medicine)', '药品特性概要'],
	purchasesuppliesoraccessories: ['Supplies and accessories', '耗材与配件'],
	productsustainabilityinfo: ['Sustainability and recycling', '可持续与回收'],
	homepage: ['Home page', '主页'],
	relatedvideo: ['Video', '视频'],
	socialmedia: ['Social media', '社交媒体'],
	logisticsinfo: ['Logistics', '物流信息'],
	jws: ['Signed data', '签名数据'],
	dpp: ['Digital product passport', '数字产品护照'],
};

// A name that is not in the list, as words: "hasNewThing" is "has new thing".
function spaced(name: string): string {
	return name.replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => a + ' ' + b.toLowerCase());
}

export function label(type: string): string {
	const link = linkType(type);
	if (link)
		return links[link.toLowerCase()]?.[getLang() === 'zh' ? 1 : 0] ?? spaced(link);
	const found = labels[type.toLowerCase().replace(/[ .-]/g, '_')];
	return found ? found[getLang() === 'zh' ? 1 : 0] : type;
}

// Values that only matter to who runs the registry.
export function isAdminType(type: string): boolean {
	return /^(HS_(?!ALIAS)|TEMPLATE|10320)/i.test(type);
}
